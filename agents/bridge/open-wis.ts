import { join } from "node:path";
import { Downloader } from "../lib/download.ts";
import type { Log } from "../lib/log.ts";
import { PlacedLog } from "../lib/placed-log.ts";
import { ReceiverQueue } from "../lib/receiver-queue.ts";
import type { Config } from "./config.ts";
import { type GlobalBrokerOptions, GlobalBrokers } from "./global-brokers.ts";
import { Intake, type IntakeEvents } from "./intake.ts";

/** Public servers serve what everybody may read. */
const productMode = 0o644;
/** To each cache or origin. */
const originConnectionsMax = 8;
/** By id, and by data id and checksum. */
const keysAProduct = 2;

/** Undefined if the config fetches no products. @throws UserError if the folder accepts no files */
export async function openIntake({ from }: Config, stateDirectory: string, events: IntakeEvents, log: Log) {
  if (from.format !== "wis" || !from.fetch) return undefined;
  const { productDirectory, rememberedMax } = from.fetch;
  const receiverQueue = new ReceiverQueue(productDirectory, productMode);
  await receiverQueue.prepare();
  const placedLog = new PlacedLog(join(stateDirectory, "placed"), keysAProduct * rememberedMax, log);
  await placedLog.load();
  const downloader = new Downloader({ ...from.fetch, connectionsMax: originConnectionsMax });
  const close = async () => {
    await downloader.close();
    await placedLog.close();
  };
  return { intake: new Intake(from.fetch, { downloader, receiverQueue, placedLog, events }), close };
}

/** Undefined if the config names none. */
export function openGlobalBrokers(
  { from, queue }: Config,
  ports: Pick<GlobalBrokerOptions, "session" | "events" | "log">,
): GlobalBrokers | undefined {
  if (from.format !== "wis" || !from.globalBrokers) return undefined;
  return new GlobalBrokers({ config: from.globalBrokers, from, queue, ...ports });
}
