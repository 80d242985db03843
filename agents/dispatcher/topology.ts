import { ledgerKeptMessages, ledgerKeys, ledgerLifetime, markerTopic } from "../lib/dispatch-topics.ts";
import { deadLetterTopology, joinTopologies, type QueueDeclaration, type Topology } from "../lib/topology.ts";
import { type Config, hostNameOf, ledgerQueueOf } from "./config.ts";
import type { LedgerTopics } from "./ledger-record.ts";

/** All queues are declared here, so that nothing is lost before the first announcer or puller starts. */
export function topologyOf(config: Config): Topology {
  const { exchange, inputQueue, inputTopic, notifyTopic, alternateTopic, twinTopic, outputQueues } = config;
  const bind = (...patterns: string[]) => patterns.map((pattern) => ({ exchange, pattern }));
  return joinTopologies(deadLetterTopology, {
    exchanges: [{ name: exchange, type: "topic" }],
    queues: [
      {
        name: inputQueue,
        // The fence if two hosts believe that they hold the address: the broker feeds only one of them.
        arguments: { "x-single-active-consumer": true },
        bindings: bind(`${inputTopic}.#`, `${alternateTopic}.#`),
      },
      ...outputQueues.map((name) => ({ name, bindings: bind(`${notifyTopic}.#`, `${twinTopic}.#`) })),
      ledgerOf(config),
    ],
  });
}

/** The topics that the ledger receives and tells apart. */
export function ledgerTopicsOf(config: Config): LedgerTopics {
  const { notifyTopic, twinTopic, alternateTopic, pulledTopic } = config;
  const marker = markerTopic(config.markerTopic, hostNameOf(config));
  return { notifyTopic, twinTopic, alternateTopic, pulledTopic, marker };
}

/** This host's own copy of everything published. */
function ledgerOf(config: Config): QueueDeclaration {
  const { exchange, dedupWindowSeconds } = config;
  const patterns = [...ledgerKeys(config), ledgerTopicsOf(config).marker];
  return {
    name: ledgerQueueOf(config),
    // One consumer at a time. Until the broker notices that an old connection of ours is dead, it would share messages between
    // both, and a marker could come back before an earlier publish.
    arguments: { ...ledgerLifetime(dedupWindowSeconds), "x-single-active-consumer": true },
    bindings: patterns.map((pattern) => ({ exchange, pattern })),
    // Its arguments include the window, which may change.
    renewable: true,
    keptMessages: ledgerKeptMessages,
  };
}
