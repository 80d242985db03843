import { alertmanagerUnit, prometheusUnit } from "../../../infra/model/names.ts";
import type { Chain } from "../snapshot/chain.ts";
import { agentIsHealthy, agentStep, answersStep, diskStep, unitStep } from "./common-steps.ts";
import { keepsRunningStep } from "./crash-steps.ts";
import type { Step } from "./step.ts";

const monitors = ({ hosts }: Chain) => hosts.flatMap(({ name, roles }) => (roles.includes("monitor") ? [name] : []));

/** Monitors depend on everything else, and no product depends on them, so they come last. */
export const monitorSteps: readonly Step[] = [
  answersStep("monitor", monitors),
  diskStep("monitor", monitors),
  unitStep("prometheus-runs", "Prometheus runs", "monitor", prometheusUnit, monitors),
  unitStep("alertmanager-runs", "Alertmanager runs", "monitor", alertmanagerUnit, monitors),
  keepsRunningStep("monitor", monitors, (agent) => agent === "auditor"),
  agentStep("monitor", "auditor", monitors),
  agentIsHealthy("monitor", "auditor", monitors),
];
