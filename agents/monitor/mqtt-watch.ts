import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Metrics } from "../lib/metrics.ts";
import type { Config } from "./config.ts";

/** Less than a scrape may take. */
const timeoutMs = 2000;

type Server = Config["mqttServers"][number];

/** Connects to each server at each scrape, as a subscriber does: with TLS until both have agreed on keys, without it until it is accepted. */
export function watchMqtt(metrics: Metrics, servers: readonly Server[]): void {
  if (servers.length === 0) return;
  const help = "1 if the server accepts a connection to its port for MQTT";
  metrics.gauge("mqtt_served", help, (gauge) => measured(gauge, servers), ["server"]);
}

async function measured(
  gauge: { set(labels: { readonly server: string }, value: number): void },
  servers: readonly Server[],
): Promise<void> {
  await Promise.all(servers.map(async (one) => gauge.set({ server: one.server }, Number(await isServed(one)))));
}

function isServed({ address: host, port, tls }: Server): Promise<boolean> {
  return new Promise((resolve) => {
    // Nothing is sent, so the certificate does not matter here.
    const socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connectPlain({ host, port });
    const end = (isOpen: boolean) => () => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(isOpen);
    };
    const deadline = setTimeout(end(false), timeoutMs);
    socket
      .once(tls ? "secureConnect" : "connect", end(true))
      .on("error", end(false))
      .once("close", end(false));
  });
}
