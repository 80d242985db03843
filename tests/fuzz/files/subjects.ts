import { type BrokerRunner, withOwnBroker } from "../own-broker.ts";
import type { FuzzSubject } from "../subject.ts";
import { announcerTree, runTree, type TreeAgent, watcherTree } from "./trees.ts";
import { runTxq } from "./txq.ts";

const treeRunner = (agent: TreeAgent): BrokerRunner => ({
  name: agent.name,
  summary: agent.summary,
  run: (broker, options) => runTree(agent, broker, options),
});

/** Those that need a broker. */
export const fileRunners: readonly BrokerRunner[] = [
  treeRunner(announcerTree),
  treeRunner(watcherTree),
  {
    name: "sender",
    summary: "hostile files in the txq of a sender of type amqp",
    run: (broker, options) => runTxq("amqp", broker, options),
  },
];

const deliveries: readonly FuzzSubject[] = (["sftp", "ftp"] as const).map((road) => ({
  name: `sender-${road}`,
  summary: `the same, delivered by ${road.toUpperCase()}; needs root`,
  run: (options) => runTxq(road, undefined, options),
}));

/** Hostile files for agents that read them. */
export const fileSubjects: readonly FuzzSubject[] = [...fileRunners.map(withOwnBroker), ...deliveries];
