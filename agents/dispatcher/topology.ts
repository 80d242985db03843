import { ledgerKeys, ledgerLifetime, markerTopic } from "../lib/dispatch-topics.ts";
import { deadLetterTopology, joinTopologies, type QueueDeclaration, type Topology } from "../lib/topology.ts";
import { type Config, hostNameOf, ledgerQueueOf } from "./config.ts";
import type { LedgerTopics } from "./ledger-record.ts";

/** All queues are declared here: nothing is lost before the first announcer or puller comes. */
export function topologyOf(config: Config): Topology {
  const { exchange, inputQueue, inputTopic, notifyTopic, alternateTopic, twinTopic, outputQueues } = config;
  const bind = (...patterns: string[]) => patterns.map((pattern) => ({ exchange, pattern }));
  return joinTopologies(deadLetterTopology, {
    exchanges: [{ name: exchange, type: "topic" }],
    queues: [
      {
        name: inputQueue,
        // The fence where two hosts believe that they hold the address: the broker feeds one of them.
        arguments: { "x-single-active-consumer": true },
        bindings: bind(`${inputTopic}.#`, `${alternateTopic}.#`),
      },
      ...outputQueues.map((name) => ({ name, bindings: bind(`${notifyTopic}.#`, `${twinTopic}.#`) })),
      ledgerOf(config),
    ],
  });
}

/** What the ledger takes, and tells apart. */
export function ledgerTopicsOf(config: Config): LedgerTopics {
  const { notifyTopic, twinTopic, alternateTopic, pulledTopic } = config;
  const marker = markerTopic(config.markerTopic, hostNameOf(config));
  return { notifyTopic, twinTopic, alternateTopic, pulledTopic, marker };
}

/** This host's own copy of everything that goes out. */
function ledgerOf(config: Config): QueueDeclaration {
  const { exchange, dedupWindowSeconds } = config;
  const patterns = [...ledgerKeys(config), ledgerTopicsOf(config).marker];
  return {
    name: ledgerQueueOf(config),
    // One reader at a time: while the broker has not noticed that an old connection of ours is dead, it would share the messages out
    // between both, and a marker could come back before what went out earlier.
    arguments: { ...ledgerLifetime(dedupWindowSeconds), "x-single-active-consumer": true },
    bindings: patterns.map((pattern) => ({ exchange, pattern })),
    // The window is in it, which may change.
    renewable: true,
  };
}
