import { startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import { cleanly } from "../bench/cleanly.ts";
import { runFiles } from "./files/run.ts";
import { announcerTree, watcherTree } from "./files/trees.ts";
import { txqOf } from "./files/txq.ts";
import { auditorRunner } from "./messages/auditor.ts";
import { bridgeRunners } from "./messages/bridge.ts";
import { dispatcherInputRunner } from "./messages/dispatcher.ts";
import { dispatcherLedgerRunner } from "./messages/dispatcher-ledger.ts";
import { pullerQueueRunner } from "./messages/puller.ts";
import { pullerPeersRunner } from "./messages/puller-peers.ts";
import { queueManagerAnswersRunner } from "./messages/queue-manager.ts";
import { queueManagerNamesRunner } from "./messages/queue-names.ts";
import { receiverRunner } from "./messages/receiver.ts";
import type { BrokerRunner, FuzzSubject } from "./subject.ts";
import { textSubjects } from "./texts/subjects.ts";

/** Agents that read messages; each run gets a broker. */
export const messageRunners: readonly BrokerRunner[] = [
  ...[
    dispatcherInputRunner,
    dispatcherLedgerRunner,
    pullerQueueRunner,
    pullerPeersRunner,
    receiverRunner,
    auditorRunner,
  ],
  ...[...bridgeRunners, queueManagerAnswersRunner, queueManagerNamesRunner],
];

/** Agents that read files. */
export const fileRunners: readonly BrokerRunner[] = [announcerTree, watcherTree, txqOf("amqp")].map((reader) => ({
  ...reader,
  run: (broker, options) => runFiles(reader, broker, options),
}));

/** Senders that need no broker. */
export const deliverySubjects: readonly FuzzSubject[] = [txqOf("sftp"), txqOf("ftp")].map((reader) => ({
  ...reader,
  run: (options) => runFiles(reader, undefined, options),
}));

/** The same subject with its own broker. */
function withOwnBroker({ name, summary, run }: BrokerRunner): FuzzSubject {
  return {
    name,
    summary,
    run: (options) =>
      cleanly(options.signal, async (cleanup) => {
        const broker = await startLocalBroker();
        cleanup.add(() => broker.stop());
        options.signal.throwIfAborted();
        return run(broker, options);
      }),
  };
}

/** All subjects, in the order of `./warren fuzz all`. */
export const fuzzSubjects: readonly FuzzSubject[] = [
  ...[...messageRunners, ...fileRunners].map(withOwnBroker),
  ...deliverySubjects,
  ...textSubjects,
];
