import type { Alert } from "./alert.ts";
import { anyOf, bridge, monitorSees } from "./scope.ts";

/** The public data server path: files that px delivers, announced and served to everybody. */
export const publicAlerts: readonly Alert[] = [
  {
    name: "PublicStopped",
    severity: "page",
    forSeconds: 60,
    expression: ({ deliveries, notifiers, window }) => {
      if (deliveries.length === 0) return undefined;
      const senders = `job="agent",agent=~"${anyOf([...deliveries, ...notifiers])}"`;
      return `max by (agent) (warren_sender_oldest_seconds{${senders}}) > 60
unless on (agent) sum by (agent) (increase(warren_sender_delivered_total{${senders}}[${window(120)}])) > 0
or (max by (agent) (max_over_time(up{${senders}}[${bridge}])) == 0 ${monitorSees})`;
    },
    summary: "{{ $labels.agent }} delivers nothing to the public",
    felt: "Files for the public data server wait on px, or are there and not announced.",
    outsiders: "No new products are published",
    step: "products-are-delivered",
    look: ["./warren logs -s STACK --agent AGENT --since 600"],
    remedy:
      "The sender's log has the reason: it can't log in, can't write, has no broker, or does not run. Files stay in its txq and are delivered afterwards, oldest first.",
    why: "A delivery takes less than a second: a file that waits for a minute while nothing is delivered waits for a repair. A single file that the server refuses does not page while others are delivered. One minute more covers a restart of the sender or its server.",
  },
  {
    name: "DeliveryDelayed",
    severity: "ticket",
    forSeconds: 300,
    expression: ({ deliveries }) =>
      deliveries.length === 0 ? undefined : 'max by (host, agent) (warren_sender_oldest_seconds{job="agent"}) > 300',
    summary: "A file of {{ $labels.agent }} on {{ $labels.host }} has waited for minutes",
    felt: "Some products of the public data server are late; others arrive.",
    step: "products-are-delivered",
    look: ["./warren logs -s STACK --host HOST --agent AGENT --since 900"],
    remedy:
      "The log names the file and the server's answer: usually a directory without permission, or one that is full.",
    why: "Held files are retried with pauses of up to half a minute; after ten tries, five minutes, a person has to see why.",
  },
  {
    name: "PublicUnserved",
    severity: "page",
    forSeconds: 60,
    expression: ({ publicServers }) => {
      if (publicServers.length === 0) return undefined;
      const hosts = `job="node",host=~"${anyOf(publicServers)}"`;
      return `max by (host) (node_systemd_unit_state{${hosts},name="apache2.service",state="active"}) == 0
or (max by (host) (max_over_time(up{${hosts}}[${bridge}])) == 0 ${monitorSees})`;
    },
    summary: "The public data server {{ $labels.host }} serves nothing",
    felt: "The public can't fetch any product from it.",
    outsiders: "Products can't be fetched from a data server",
    step: "apache-runs",
    look: ["./warren logs -s STACK --host HOST --since 600"],
    remedy: "Start apache2, or the host. A unit that does not start has its reason in `systemctl status apache2`.",
    why: "A restart of apache takes a second, a reboot of its host less than a minute. Each public data server is the only one of its name, so there is no redundancy to grade by.",
  },
  {
    name: "MqttUnserved",
    severity: "page",
    forSeconds: 60,
    expression: ({ publicServers }) =>
      publicServers.length === 0
        ? undefined
        : `max by (server) (warren_monitor_mqtt_served{job="agent"}) == 0
and on (server) label_replace(up{job="rabbitmq"} == 1, "server", "$1", "host", "(.+)")`,
    summary: "The public data server {{ $labels.server }} accepts no connections over MQTT",
    felt: "Subscribers over MQTT, such as Global Brokers, get no notifications. Their sessions keep them.",
    outsiders: "Notifications over MQTT are interrupted",
    step: "mqtt-is-served",
    look: ["./warren logs -s STACK --host HOST --since 600"],
    remedy:
      "`rabbitmq-plugins list` shows whether rabbitmq_mqtt is enabled; the broker's log says why its port is closed. If `verify` finds nothing wrong, the network between the monitor and the server's port is closed.",
    why: "The monitors connect as a subscriber does, at each scrape. A minute covers a restart of the broker. A broker that does not run at all pages by PublicStopped.",
  },
  {
    name: "BridgeCutOff",
    severity: "ticket",
    forSeconds: 300,
    expression: () => 'max by (host, agent) (warren_bridge_global_broker_connected{job="agent"}) == 0',
    summary: "{{ $labels.agent }} on {{ $labels.host }} has no connection to any Global Broker",
    felt: "No products of other centres. The Global Brokers keep notifications for its session, by default for a day.",
    step: "bridges-are-well",
    look: ["./warren logs -s STACK --host HOST --agent AGENT --since 900"],
    remedy:
      "Its log has the reason for each: a name that is not found, a port that a firewall closes, a certificate, a refused login.",
    why: "One Global Broker of several is enough, because each has every notification. They restart, too; five minutes are longer than that.",
  },
];
