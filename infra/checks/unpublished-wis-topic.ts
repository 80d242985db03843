import { dataServers } from "../config/data-servers.ts";
import type { DatamartConfig } from "../config/datamart.ts";
import type { StackConfig } from "../config/index.ts";
import type { BridgeConfig } from "../config/message-agents.ts";
import type { Rule } from "./rule.ts";
import { isPublishedTopic } from "./wis-topics.ts";

export const unpublishedWisTopic: Rule = {
  name: "unpublished-wis-topic",
  severity: "error",
  firesOn: "a WIS2 topic that the published hierarchy does not have",
  reason:
    "The standard forbids it: subscribers and Global Brokers find data by the levels of the hierarchy, so nobody would find these products.",
  remedy:
    "use a topic of the WIS2 Topic Hierarchy, with at least one level below the discipline; `DISCIPLINE/experimental/…` until WMO has approved a new one",
  source: "WIS2 Topic Hierarchy 1.3.0, /req/core/publishing",
  find: (_, config) =>
    rulesOf(config).flatMap(([path, { topics }]) =>
      topics.flatMap(({ topic }, index) =>
        isPublishedTopic(topic)
          ? []
          : { path: `${path}.topics.${index}.topic`, message: `"${topic}" is not in the hierarchy` },
      ),
    ),
};

/** The rules of WIS2 in a stack, by their path. */
const rulesOf = (config: StackConfig): [path: string, rules: WisRules][] => [
  ...dataServers(config).flatMap(({ path, config: { wis } }): [string, WisRules][] =>
    wis ? [[`warren:${path}.wis`, wis]] : [],
  ),
  ...Object.entries(config.bridges).flatMap(([name, { to }]) =>
    to.flatMap((target, index): [string, WisRules][] =>
      target.format === "wis" ? [[`warren:bridges.${name}.to.${index}`, target]] : [],
    ),
  ),
];

type WisRules = NonNullable<DatamartConfig["wis"]> | Extract<BridgeConfig["to"][number], { format: "wis" }>;
