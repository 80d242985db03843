import { alertmanagerUnit, pageProxyUnit, prometheusUnit } from "../../../infra/model/names.ts";
import { type Chain, chainHostOf } from "../snapshot/chain.ts";
import { agentIsHealthy, agentStep, answersStep, diskStep, unitStep } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import type { Step } from "./step.ts";

const monitors = ({ hosts }: Chain) => hosts.flatMap(({ name, roles }) => (roles.includes("monitor") ? [name] : []));

const pageServers = (chain: Chain) =>
  monitors(chain).filter((name) => chainHostOf(chain, name).units.includes(pageProxyUnit));

/** Monitors depend on everything else, and no product depends on them, so they come last. */
export const monitorSteps: readonly Step[] = [
  answersStep("monitor", monitors),
  diskStep("monitor", monitors),
  unitStep("prometheus-runs", "Prometheus runs", "monitor", prometheusUnit, monitors),
  unitStep("alertmanager-runs", "Alertmanager runs", "monitor", alertmanagerUnit, monitors),
  unitStep("page-is-served", "Apache serves the live page", "monitor", pageProxyUnit, pageServers),
  keepsRunningStep("monitor", monitors, (agent) => agent === "auditor"),
  agentStep("monitor", "auditor", monitors),
  agentIsHealthy("monitor", "auditor", monitors),
];
