import { renderSubscriberService } from "../../templates/render.ts";
import { passwordOf } from "../config/index.ts";
import { agentProgram, nodeProgram, productAccount } from "./agent-part.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";
import { subscribedServer } from "./public-servers.ts";
import { restartPauseFile } from "./restart-pause.ts";
import { caFile } from "./tls.ts";

/** The user of public clients. */
const publicUser = "anonymous";

/** The queue that keeps messages while a client is not connected. */
export const subscriberQueueOf = (host: string): string => `q_${publicUser}.${host}`;

/** A subscriber like those outside: the client of `docs/subscribe`, with its own queue and folder of products. */
export function subscriberPart({ config, host, artifacts }: PartContext): HostPart {
  const server = subscribedServer(config, host);
  const broker = server && config.brokers[server.config.broker];
  if (!broker) return {};
  const { config: datamart } = server;
  const { directory, topic } = datamart.clients;
  const url = new URL(
    broker.tls ? `amqps://${server.fullName}:${broker.tlsPort}/` : `amqp://${server.fullName}:${broker.port}/`,
  );
  url.username = publicUser;
  url.password = encodeURIComponent(passwordOf(config, publicUser, datamart.broker));
  const environment = rootFile("/etc/warren/secrets/subscriber.env", `BROKER_URL="${url.href}"\n`, {
    mode: "0600",
    secret: true,
  });
  const service = rootFile(
    "/etc/systemd/system/warren-subscriber.service",
    renderSubscriberService({
      user: productAccount.name,
      queue: subscriberQueueOf(host),
      exchange: datamart.exchange,
      topic: `${datamart.notifyTopic}.${topic}`,
      folder: directory,
      environmentFile: environment.path,
      caFile: broker.tls ? caFile : "",
    }),
  );
  const place = { owner: "root", group: "root", mode: "0755" };
  const installed = [
    { ...place, name: "node", path: nodeProgram, ...artifacts.node },
    { ...place, name: "subscriber", path: agentProgram("subscriber"), ...artifacts.subscriber },
  ];
  const owned = { owner: productAccount.name, group: productAccount.name, mode: "0755" };
  return {
    accounts: [productAccount],
    directories: [
      { path: productAccount.home, ...owned },
      { path: directory, ...owned },
    ],
    files: [environment, restartPauseFile(), service],
    artifacts: installed,
    units: [
      {
        name: "warren-subscriber.service",
        onChange: "restart",
        // It reads certificates at start.
        reads: [environment, service, ...installed].map((file) => file.path).concat(broker.tls ? [caFile] : []),
        after: [],
        afterBroker: datamart.broker,
        packaged: false,
      },
    ],
  };
}
