import { monitorHosts } from "../model/monitored-hosts.ts";
import type { Rule } from "./rule.ts";

export const monitorWithoutReceiver: Rule = {
  name: "monitor-without-receiver",
  severity: "warning",
  firesOn: "a monitor that has nobody to notify",
  reason: "Alerts fire, and nobody gets them, although a monitor looks as if somebody would.",
  remedy: "set `receivers.mail`, or the secret `warren:secrets.monitor.webhookUrl`",
  source: "prometheus.io/docs/alerting/latest/configuration",
  find: (_, config) =>
    monitorHosts(config).length === 0 || config.monitor.receivers.mail || config.secrets.monitor.webhookUrl
      ? []
      : [{ path: "warren:monitor.receivers", message: "nobody is notified of alerts" }],
};
