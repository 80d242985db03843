import type { StackConfig } from "../config/index.ts";
import { alerts } from "./alerts/index.ts";
import { eventsPort } from "./monitor-page.ts";

/** Who gets what; a receiver without notifiers drops it. */
const people = "people";
const secondPlace = "second-place";
const nobody = "nobody";
const outsiders = "outsiders";

/**
 * Alertmanager's config. A page is sent at once and again every hour; tickets are collected, and sent again once a day; the Watchdog calls the
 * second place every minute, which notifies somebody when the calls stop.
 */
export function alertmanagerConfig(config: StackConfig): object {
  const { receivers, events } = config.monitor;
  const { mail } = receivers;
  const { mailPassword, webhookUrl, deadManUrl } = config.secrets.monitor;
  const webhook = (url: string, resolved: boolean) => ({ webhook_configs: [{ url, send_resolved: resolved }] });
  return {
    ...(mail
      ? {
          global: {
            smtp_smarthost: mail.smarthost,
            smtp_from: mail.from,
            smtp_require_tls: mail.requireTls,
            ...(mail.user === undefined ? {} : { smtp_auth_username: mail.user }),
            ...(mailPassword === undefined ? {} : { smtp_auth_password: mailPassword }),
          },
        }
      : {}),
    route: {
      receiver: nobody,
      routes: [
        ...(events ? [eventsRoute] : []),
        {
          ...{ matchers: ['severity="page"'], receiver: people, group_by: ["alertname"] },
          // An alert on a second host joins within a minute.
          ...{ group_wait: "0s", group_interval: "1m", repeat_interval: "1h" },
        },
        {
          ...{ matchers: ['severity="ticket"'], receiver: people, group_by: ["severity"] },
          // One fault sets off several within minutes. What is new later waits for the next message.
          ...{ group_wait: "5m", group_interval: "6h", repeat_interval: "24h" },
        },
        {
          ...{ matchers: ['severity="none"'], receiver: secondPlace, group_by: ["alertname"] },
          ...{ group_wait: "0s", group_interval: "1m", repeat_interval: "1m" },
        },
      ],
    },
    // A host that does not answer: what its services were like last adds nothing. Other pages and causes elsewhere stay.
    inhibit_rules: [
      {
        source_matchers: ['alertname="TargetDown"', 'job="node"'],
        target_matchers: ['severity="ticket"'],
        equal: ["host"],
      },
    ],
    receivers: [
      { name: nobody },
      ...(events ? [{ name: outsiders, ...webhook(`http://127.0.0.1:${eventsPort}/`, true) }] : []),
      {
        name: people,
        ...(mail ? { email_configs: [{ to: mail.to.join(", "), send_resolved: true }] } : {}),
        ...(webhookUrl === undefined ? {} : webhook(webhookUrl, true)),
      },
      { name: secondPlace, ...(deadManUrl === undefined ? {} : webhook(deadManUrl, false)) },
    ],
  };
}

/** Each alert for outsiders by itself, at once; its end a minute later at the latest. Then it continues to people. */
const eventsRoute = {
  matchers: [
    `alertname=~"${alerts.flatMap(({ name, outsiders: text }) => (text === undefined ? [] : name)).join("|")}"`,
  ],
  ...{ receiver: outsiders, group_by: ["..."], continue: true },
  ...{ group_wait: "0s", group_interval: "1m", repeat_interval: "24h" },
};
