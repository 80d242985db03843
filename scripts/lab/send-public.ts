import { join } from "node:path";
import { passwordOf, type StackConfig } from "../../infra/config/index.ts";
import { clientsOf, type PublicServer, publicServers } from "../../infra/model/public-servers.ts";
import { readOperatorCa } from "../engine/operator-ca.ts";
import { firstObservationOf } from "../traffic/names.ts";
import { planPublicProducts } from "../traffic/public-plan.ts";
import { type PublicResult, type PublicRunOptions, runPublicProducts } from "../traffic/public-run.ts";
import { loadSamples } from "../traffic/samples.ts";
import { openUrlTap, type UrlTap } from "../traffic/url-tap.ts";
import { hostsOf } from "./send-products.ts";
import { hostRoot } from "./ssh.ts";

export interface SendPublicOptions extends Pick<PublicRunOptions, "signal" | "stallMs" | "onFetched"> {
  /** The lab, and its stack. */
  readonly name: string;
  readonly config: StackConfig;
  readonly count: number;
  readonly ratePerSecond: number;
  readonly seed: number;
}

/** Sends products from px to the lab's clients and counts them; undefined where the stack has no public data server path. */
export async function sendToPublic(options: SendPublicOptions): Promise<PublicResult | undefined> {
  const { name, config, count, ratePerSecond, seed } = options;
  const [px] = hostsOf(config, "px");
  const server = publicServers(config).find((one) => one.config.delivery && clientsOf(config, one).length > 0);
  if (px === undefined || !server) return undefined;
  const { config: datamart } = server;
  const clients = clientsOf(config, server);
  const samples = await loadSamples();
  const products = planPublicProducts(
    { count, ratePerSecond, seed, firstObservation: firstObservationOf(new Date()) },
    samples,
  );
  const folders = clients.map(async (client) => ({
    pds: client,
    directory: join(await hostRoot(name, client), datamart.clients.directory),
  }));
  const root = await hostRoot(name, px);
  const tap = await openPublicTap({ name, config, exchange: datamart.exchange, topic: datamart.notifyTopic });
  try {
    return await runPublicProducts({
      ...options,
      products,
      samples,
      tap,
      queues: Object.fromEntries(
        Object.entries(datamart.delivery?.senders ?? {}).map(([sender, { queueDirectory }]) => [
          sender,
          join(root, queueDirectory),
        ]),
      ),
      clients: await Promise.all(folders),
    });
  } finally {
    await tap.close();
  }
}

/** Subscribes at the public broker, on any address that it has. @throws TypeError where the stack has none */
export async function openPublicTap(options: {
  readonly name: string;
  readonly config: StackConfig;
  readonly exchange: string;
  readonly topic: string;
}): Promise<UrlTap> {
  const { name, config, exchange, topic } = options;
  const { url, ca } = await publicBroker(name, config);
  return openUrlTap({ ...{ broker: url, ca, exchange, topic }, name: "warren-lab-tap" });
}

/** URL of the public broker, with the agents' account. @throws TypeError where the stack has none */
export async function publicBroker(
  name: string,
  config: StackConfig,
): Promise<{ url: string; ca: string | undefined }> {
  const { brokers, announcements } = config;
  const [server]: readonly (PublicServer | undefined)[] = publicServers(config);
  const broker = server && brokers[server.config.broker];
  const address = server && config.hosts[server.host]?.address;
  if (!broker || address === undefined) throw new TypeError(`stack ${name} has no public broker`);
  const secure = broker.tls && !broker.plainText;
  const url = new URL(`${secure ? "amqps" : "amqp"}://${address}:${secure ? broker.tlsPort : broker.port}/`);
  url.username = announcements.user;
  url.password = passwordOf(config, announcements.user, server.config.broker);
  return { url: url.href, ca: secure ? await readOperatorCa(name) : undefined };
}
