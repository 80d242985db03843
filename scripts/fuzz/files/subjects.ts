import { Cleanup } from "../../flow/cleanup.ts";
import { type LocalBroker, startLocalBroker } from "../../lib/local-broker.ts";
import type { FuzzOptions, FuzzReport, FuzzSubject } from "../subject.ts";
import { announcerTree, runTree, type TreeAgent, watcherTree } from "./trees.ts";
import { runTxq } from "./txq.ts";

/** A run on a broker that is there. */
export interface FileRunner {
  readonly name: string;
  readonly summary: string;
  run(broker: LocalBroker, options: FuzzOptions): Promise<FuzzReport>;
}

const treeRunner = (agent: TreeAgent): FileRunner => ({
  name: agent.name,
  summary: agent.summary,
  run: (broker, options) => runTree(agent, broker, options),
});

/** Those that need a broker. */
export const fileRunners: readonly FileRunner[] = [
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

function withOwnBroker({ name, summary, run }: FileRunner): FuzzSubject {
  return {
    name,
    summary,
    async run(options) {
      const cleanup = new Cleanup();
      try {
        const broker = await startLocalBroker();
        cleanup.add(() => broker.stop());
        options.signal.throwIfAborted();
        return await run(broker, options);
      } finally {
        await cleanup.run();
      }
    },
  };
}
