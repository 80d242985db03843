import { monitorHosts } from "../model/monitored-hosts.ts";
import type { Rule } from "./rule.ts";

/** Only a note: it takes a service outside the stack. */
export const unwatchedMonitor: Rule = {
  name: "unwatched-monitor",
  severity: "note",
  firesOn: "a monitor whose silence nobody would notice",
  reason: "A monitor that is down, or cut off, reports nothing: no alert looks the same as no problem.",
  remedy:
    "set the secret `warren:secrets.monitor.deadManUrl` to a place that notifies somebody when it is not called for some minutes",
  source: "prometheus.io/docs/practices/alerting, Metamonitoring",
  find: (_, config) =>
    monitorHosts(config).length === 0 || config.secrets.monitor.deadManUrl
      ? []
      : [{ path: "warren:secrets.monitor", message: "no second place watches the monitors" }],
};
