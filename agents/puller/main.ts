// puller: sr3 "subscribe" and "sarra"; was the fx_script pull_amqp_wget.py.
import { hostname } from "node:os";
import { type AgentContext, type RunningAgent, runAgent } from "../lib/agent-main.ts";
import { openBrokerSession } from "../lib/broker-session.ts";
import { consume } from "../lib/consumer.ts";
import { Downloader } from "../lib/download.ts";
import { FeedWatch } from "../lib/feed-watch.ts";
import { ReceiverQueue } from "../lib/receiver-queue.ts";
import { SideNotices } from "../lib/side-notices.ts";
import { Alternates } from "./alternates.ts";
import { type Config, configSchema } from "./config.ts";
import { answerLast } from "./last-answers.ts";
import { openNotices } from "./notices.ts";
import { openPeers } from "./open-peers.ts";
import { exportPlaced, openPlaced } from "./open-placed.ts";
import type { Inquiry } from "./peer-message.ts";
import { Puller } from "./puller.ts";
import { Receipts } from "./receipt.ts";
import { statusOf } from "./status.ts";
import { openTelemetry } from "./telemetry.ts";
import { topologyOf } from "./topology.ts";

async function start({ config, log, metrics, lifeCycle, stateDirectory }: AgentContext<Config>): Promise<RunningAgent> {
  const { exchange, queue, prefetch, pulledTopic, receiverQueueDirectory } = config;
  const { journal, before } = await openPlaced({ stateDirectory, receiverQueueDirectory, log });
  const receiverQueue = new ReceiverQueue(receiverQueueDirectory, Number.parseInt(config.fileMode, 8));
  const removedCount = await receiverQueue.prepare();
  if (removedCount > 0)
    log.info({ removedCount }, "removed unfinished products of an earlier run; they are pulled again");
  const telemetry = openTelemetry(log, metrics, () => puller.silentOrigins);
  const downloader = new Downloader({ ...config, connectionsMax: config.prefetch });
  const notices = openNotices(config, log);
  const host = hostname();
  const alternates = new Alternates({ session: notices, exchange, topics: config, who: `puller@${host}` });
  const receipts = new Receipts({
    host,
    notices: new SideNotices({
      ...{ session: notices, exchange, topic: pulledTopic },
      onOutcome: (outcome, { count }) => telemetry.receipt(outcome, count),
    }),
  });
  const puller = new Puller(config, {
    download: (options) => downloader.download(options),
    receive: () => receiverQueue.receive(),
    sizeOf: (fileName) => receiverQueue.sizeOf(fileName),
    ask: (announced, what, signal) => alternates.ask(announced, what, signal),
    placing: (about, part) => journal.placing(about, part),
    dropped: (part) => journal.dropped(part),
    askOthers: (about, signal) => peers.ask(about, signal),
    sendReceipt: (receipt, { placed, mayJoin }) =>
      receipts.send(placed ? { ...receipt, placedMs: Date.now() } : receipt, mayJoin),
    now: nowMs,
    events: telemetry,
  });
  puller.recall(before);
  if (config.receipts) receipts.repeat(before);
  const session = openBrokerSession({ config: config.broker, log, name: "puller", topology: topologyOf(config) });
  const standingOf = (about: Inquiry, answerNow: AbortSignal) => puller.answer(about, answerNow);
  const peers = openPeers({
    ...{ config, stateDirectory, session, notices, log, standingOf },
    onSilent: telemetry.peersSilent,
  });
  const consumer = consume({
    ...{ session, queue, prefetch, log, agent: "puller", deadLetterSession: notices },
    handle(delivery) {
      feed.fed();
      return puller.handle(delivery);
    },
  });
  const isIdle = () => consumer.inFlight === 0;
  const feed = new FeedWatch({ session, queue, log, isIdle, nowMs, onStarved: telemetry.starved });
  session.once("ready", () => lifeCycle.ready());
  return {
    status: () =>
      statusOf({ counts: telemetry.counts, puller, session, notices, receipts, peers, feed, queue }, nowMs()),
    async stop(deadline) {
      puller.stop();
      feed.stop();
      deadline.addEventListener("abort", () => void downloader.close(), { once: true });
      await consumer.cancel();
      await session.close();
      await receipts.drained(deadline);
      await notices.close();
      await downloader.close();
      await journal.close();
    },
  };
}

function nowMs(): number {
  return performance.now();
}

const exportJournal = ({ receiverQueueDirectory }: Config, stateDirectory: string) =>
  exportPlaced({ receiverQueueDirectory, stateDirectory });

const program = { name: "puller", configSchema, start, exportJournal, afterEnd: answerLast };
export const main = (argv: readonly string[]) => runAgent(program, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
