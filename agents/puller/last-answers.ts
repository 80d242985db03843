import { setTimeout as delay } from "node:timers/promises";
import type { EndedContext } from "../lib/agent-main.ts";
import { ReceiverQueue } from "../lib/receiver-queue.ts";
import type { Config } from "./config.ts";
import { openNotices } from "./notices.ts";
import { openPeers } from "./open-peers.ts";
import { openPlaced } from "./open-placed.ts";
import { Repeats } from "./repeats.ts";

/** Longest wait for the broker, which delays the puller's restart. A broker nearby answers in a tenth of this. */
const connectMs = 1000;
/**
 * How long questions are answered. When this process is connected, the broker has already redelivered what the ended one held. So the
 * questions are waiting, or come as soon as a puller has finished the product that it is pulling.
 */
const answersMs = 500;

/**
 * Runs after a puller's process has ended in any way, and before the next one starts: answers the other pullers from the journal and the
 * receiver queue folder, as the next process would. Otherwise they wait for a puller that may not start again. It pulls nothing and acks
 * nothing. Without a broker or a readable journal nothing is answered, and the others wait as for a lost host.
 *
 * @throws UserError or the system's error if the journal or the password can't be read
 */
export async function answerLast({ config, log, stateDirectory }: EndedContext<Config>): Promise<void> {
  const { receiverQueueDirectory, peersWaitMs } = config;
  if (peersWaitMs === 0) return;
  // All of it is known before the first question can arrive.
  const { journal, before } = await openPlaced({ stateDirectory, receiverQueueDirectory, log });
  const receiverQueue = new ReceiverQueue(receiverQueueDirectory, Number.parseInt(config.fileMode, 8));
  const repeats = new Repeats(config, {
    now: () => performance.now(),
    sizeOf: (fileName) => receiverQueue.sizeOf(fileName),
    askOthers: async () => "nothing",
  });
  for (const one of before) repeats.recall(one);
  const session = openNotices(config, log);
  let answered = 0;
  const connected = Promise.withResolvers<void>();
  openPeers({
    ...{ config, stateDirectory, session, notices: session, log },
    standingOf: (about, answerNow) => {
      answered += 1;
      return repeats.answer(about, answerNow);
    },
    onSilent: () => {},
    onConnected: () => connected.resolve(),
  });
  const isConnected = await Promise.race([connected.promise.then(() => true), delay(connectMs, false, { ref: false })]);
  if (isConnected) await delay(answersMs);
  await session.close();
  await journal.close();
  log.info({ answered, isConnected }, "answered the other pullers for the process that has ended");
}
