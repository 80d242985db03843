import { type Chain, chainHostOf } from "../snapshot/chain.ts";
import { eachAgent, judgeAgent, judgeHealth } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import type { Step } from "./step.ts";

const named = (kind: "receiver" | "bridge") => (chain: Chain, host: string) =>
  chainHostOf(chain, host).agents.flatMap(({ name }) => (name.startsWith(`${kind}-`) ? [name] : []));

const stepsOf = (kind: "receiver" | "bridge"): Step[] => {
  const agents = named(kind);
  const hosts = (chain: Chain) => chain.hosts.flatMap(({ name }) => (agents(chain, name).length > 0 ? [name] : []));
  return [
    keepsRunningStep("beside", hosts, (agent) => agent.startsWith(`${kind}-`)),
    { id: `${kind}s-run`, name: `${kind}s run`, part: "beside", hosts, judge: eachAgent(agents, judgeAgent) },
    {
      id: `${kind}s-are-well`,
      name: `${kind}s are healthy`,
      part: "beside",
      hosts,
      judge: eachAgent(agents, judgeHealth),
    },
  ];
};

/** Bridges and receivers depend on the brokers of the paths, so they come after those. */
export const messageSteps: readonly Step[] = [...stepsOf("bridge"), ...stepsOf("receiver")];
