import { deadLetterTopology, joinTopologies, type Topology } from "../lib/topology.ts";
import type { Config } from "./config.ts";

export function topologyOf({ exchange, queue, bindingKeys }: Config): Topology {
  return joinTopologies(deadLetterTopology, {
    exchanges: [{ name: exchange, type: "topic" }],
    queues: [{ name: queue, bindings: bindingKeys.map((pattern) => ({ exchange, pattern })) }],
  });
}
