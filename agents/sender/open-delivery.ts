import { join } from "node:path";
import type { AgentContext } from "../lib/agent-main.ts";
import { UserError } from "../lib/errors.ts";
import type { DeliveryConfig } from "./config.ts";
import { DeliveryDestination } from "./delivery-destination.ts";
import { openDeliveryTelemetry } from "./delivery-telemetry.ts";
import { connectFtp } from "./ftp-connect.ts";
import { Holds } from "./holds.ts";
import { Leftovers } from "./leftovers.ts";
import { Notifications } from "./notifications.ts";
import type { OpenDestination, OpeningPorts } from "./opened.ts";
import { ServerLink } from "./server-link.ts";
import type { ConnectToServer, PlacingRules } from "./server-port.ts";
import { connectSftp } from "./sftp-connect.ts";

const octal = 8;
/** First pause after a refusal; it grows to `retryDelayMaxMs`. */
const holdMinMs = 500;

/** A server as a destination. @throws UserError if the folder for notifications can't be used */
export async function openDelivery(
  config: DeliveryConfig,
  context: Pick<AgentContext<DeliveryConfig>, "log" | "metrics" | "stateDirectory">,
  { duplicates, now }: OpeningPorts,
): Promise<OpenDestination> {
  const { server, retryDelayMaxMs, notify } = config;
  const notifications = notify && new Notifications(notify);
  await notifications?.prepare();
  const leftovers = new Leftovers(join(context.stateDirectory, "parts"));
  await leftovers.load();
  const url = urlOf(config);
  const events = openDeliveryTelemetry(context, url, () => ({
    isConnected: link.live !== undefined,
    heldCount: holds.size,
  }));
  const backoff = { minMs: server.reconnectDelayMinMs, maxMs: server.reconnectDelayMaxMs };
  const link: ServerLink = new ServerLink(connector(config), backoff, events);
  const holds = new Holds({ minMs: Math.min(holdMinMs, retryDelayMaxMs), maxMs: retryDelayMaxMs }, now);
  const destination = new DeliveryDestination({
    ...{ config, link, holds, leftovers, notifications, duplicates, now, events },
  });
  const state: OpenDestination["state"] = () => {
    const held = holds.reason === undefined ? "" : `; ${holds.size} held: ${holds.reason}`;
    const isConnected = link.live !== undefined;
    const text = isConnected ? `connected to ${url}` : `not connected to ${url}: ${link.problem ?? "not tried yet"}`;
    return { ok: isConnected && held === "", text: text + held, connectionTo: "server", connected: isConnected };
  };
  return { destination, state, close: async () => link.close() };
}

const urlOf = ({ type, server }: DeliveryConfig): string => `${type}://${server.user}@${server.host}:${server.port}`;

/** Logs in to the server and disconnects. @throws UserError if the login fails or there is no connection */
export async function logInToServer(config: DeliveryConfig): Promise<string> {
  try {
    const connection = await connector(config)(AbortSignal.timeout(config.server.connectTimeoutMs));
    connection.close();
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const remedy = "check that the server runs and that the firewall lets this host connect to it";
    throw new UserError(urlOf(config), (cause as Error).message, remedy, { cause });
  }
  return `${urlOf(config)}: login succeeded`;
}

function connector(config: DeliveryConfig): ConnectToServer {
  const rules: PlacingRules = {
    root: config.root,
    makeDirectories: config.makeDirectories,
    fileMode: Number.parseInt(config.chmod, octal),
    directoryMode: Number.parseInt(config.directoryChmod, octal),
  };
  return config.type === "sftp"
    ? (signal) => connectSftp(config.server, rules, signal)
    : (signal) => connectFtp(config.server, rules, config.lock, signal);
}
