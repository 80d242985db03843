import { type BrokerRunner, withOwnBroker } from "../own-broker.ts";
import type { FuzzSubject } from "../subject.ts";
import { bridgeRunners } from "./bridge.ts";
import { dispatcherInputRunner } from "./dispatcher.ts";
import { dispatcherLedgerRunner } from "./dispatcher-ledger.ts";
import { pullerQueueRunner } from "./puller.ts";
import { pullerPeersRunner } from "./puller-peers.ts";
import { queueManagerAnswersRunner } from "./queue-manager.ts";
import { queueManagerNamesRunner } from "./queue-names.ts";
import { receiverRunner } from "./receiver.ts";

/** Each with a broker that is given to it. */
export const messageRunners: readonly BrokerRunner[] = [
  dispatcherInputRunner,
  dispatcherLedgerRunner,
  pullerQueueRunner,
  pullerPeersRunner,
  receiverRunner,
  ...bridgeRunners,
  queueManagerAnswersRunner,
  queueManagerNamesRunner,
];

/** Hostile input for agents that read messages. */
export const messageSubjects: readonly FuzzSubject[] = messageRunners.map(withOwnBroker);
