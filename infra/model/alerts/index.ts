import type { StackConfig } from "../../config/index.ts";
import type { Alert } from "./alert.ts";
import { brokerAlerts } from "./brokers.ts";
import { dispatchAlerts } from "./dispatch.ts";
import { flowAlerts } from "./flow.ts";
import { hostAlerts } from "./hosts.ts";
import { fastWindows, latencyAlerts, latencyRecordings, slowWindows } from "./latency.ts";
import { publicAlerts } from "./public.ts";
import { type AlertScope, alertScope, scrapeSeconds } from "./scope.ts";

/** All alerts, those that page first within each theme. */
export const alerts: readonly Alert[] = [
  ...flowAlerts,
  ...latencyAlerts,
  ...dispatchAlerts,
  ...brokerAlerts,
  ...publicAlerts,
  ...hostAlerts,
];

/** The page that a rule's annotation `runbook` names, with one section for each alert. */
export const runbookPage = "docs/alerts.md";

/**
 * The rules file of a stack's Prometheus, as JSON, which is valid YAML: the alerts that can fire there, and the figures that they need. All times are
 * multiplied by `warren:monitor.timeScale`.
 */
export function alertRules(config: StackConfig): string {
  const scope = alertScope(config, config.monitor.timeScale);
  const groups = [
    { name: "latency", interval: scope.interval(30), rules: latencyRecordings(scope, fastWindows) },
    { name: "latency-days", interval: scope.interval(300), rules: latencyRecordings(scope, slowWindows) },
    { name: "alerts", interval: `${scrapeSeconds}s`, rules: alerts.flatMap((alert) => ruleOf(alert, scope)) },
  ];
  return `${JSON.stringify({ groups: groups.filter(({ rules }) => rules.length > 0) }, null, 2)}\n`;
}

function ruleOf(alert: Alert, scope: AlertScope) {
  const expr = alert.expression(scope);
  if (expr === undefined) return [];
  const { name, severity, forSeconds, summary, felt, outsiders, step } = alert;
  return [
    {
      alert: name,
      expr,
      for: scope.hold(forSeconds),
      labels: { severity },
      annotations: {
        ...{ summary, description: felt, runbook: `${runbookPage}#${name.toLowerCase()}`, step },
        ...(outsiders === undefined ? {} : { outsiders }),
      },
    },
  ];
}
