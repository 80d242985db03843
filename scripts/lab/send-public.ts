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

/**
 * Sends products from px to each public data server that has clients, at the same time, and counts what the clients fetch.
 *
 * @returns a result for each server, by its host; none where the stack has no such path
 */
export async function sendToPublic(options: SendPublicOptions): Promise<ReadonlyMap<string, PublicResult>> {
  const { config } = options;
  const [px] = hostsOf(config, "px");
  if (px === undefined) return new Map();
  const servers = publicServers(config).filter((one) => one.config.delivery && clientsOf(config, one).length > 0);
  const share = {
    count: Math.ceil(options.count / servers.length),
    ratePerSecond: options.ratePerSecond / servers.length,
  };
  const results = servers.map(
    async (server, index) =>
      [server.host, await sendToServer({ ...options, ...share, seed: options.seed + index, px, server })] as const,
  );
  return new Map(await Promise.all(results));
}

async function sendToServer(
  options: SendPublicOptions & { readonly px: string; readonly server: PublicServer },
): Promise<PublicResult> {
  const { name, config, count, ratePerSecond, seed, px, server } = options;
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
  const { exchange, notifyTopic: topic } = datamart;
  const tap = await openPublicTap({ name, config, exchange, topic, host: server.host });
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

/** Subscribes at a public broker. @throws TypeError where the stack has none */
export async function openPublicTap(options: {
  readonly name: string;
  readonly config: StackConfig;
  readonly exchange: string;
  readonly topic: string;
  /** The public data server; default: the first one. */
  readonly host?: string;
}): Promise<UrlTap> {
  const { name, config, exchange, topic, host } = options;
  const { url, ca } = await publicBroker(name, config, host);
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  return openUrlTap({ ...{ broker: url, ca, exchange, topic, say }, name: "warren-lab-tap" });
}

/** URL of a public broker, the first one by default, with the agents' account. @throws TypeError where the stack has none */
export async function publicBroker(
  name: string,
  config: StackConfig,
  host?: string,
): Promise<{ url: string; ca: string | undefined }> {
  const { brokers, announcements } = config;
  const server = publicServers(config).find((one) => host === undefined || one.host === host);
  const broker = server && brokers[server.config.broker];
  const address = server && config.hosts[server.host]?.address;
  if (!broker || address === undefined) throw new TypeError(`stack ${name} has no public broker`);
  const secure = broker.tls && !broker.plainText;
  const url = new URL(`${secure ? "amqps" : "amqp"}://${address}:${secure ? broker.tlsPort : broker.port}/`);
  url.username = announcements.user;
  url.password = passwordOf(config, announcements.user, server.config.broker);
  return { url: url.href, ca: secure ? await readOperatorCa(name) : undefined };
}
