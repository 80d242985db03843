import type { AlertCase } from "./case.ts";
import { flat, gone, rise } from "./series.ts";

const sender = (metric: string, name = "delivery-ftp") =>
  `warren_sender_${metric}{job="agent",host="px-1",agent="${name}"}`;
const senderUp = 'up{job="agent",host="px-1",agent="delivery-ftp",instance="px-1/delivery-ftp"}';
const unit = (host: string, name: string) =>
  `node_systemd_unit_state{job="node",host="${host}",name="${name}.service",state="active"}`;
const mqtt = 'warren_monitor_mqtt_served{job="agent",host="px-1",agent="monitor",server="wxo-b1"}';
const brokerUp = 'up{job="rabbitmq",cluster="wxo-b1",host="wxo-b1",instance="wxo-b1"}';
const globalBroker = (name: string) =>
  `warren_bridge_global_broker_connected{job="agent",host="wxo-b1",agent="bridge-in",broker="mqtts://${name}"}`;
const nodeUp = (host: string) => `up{job="node",host="${host}",instance="${host}"}`;
const disk = (metric: string) =>
  `node_filesystem_${metric}_bytes{job="node",host="urp-1",mountpoint="/",fstype="ext4"}`;
const clock = 'node_time_seconds{job="node",host="urp-1"}';

/** The public data server path, hosts, and the monitor. */
export const hostCases: readonly AlertCase[] = [
  {
    alert: "PublicStopped",
    on: "a sender can't deliver: its oldest file gets older",
    series: {
      [sender("delivered_total")]: `${rise(0, 1, 300)} ${flat(59, 600)}`,
      [sender("oldest_seconds")]: `${flat(0, 300)} ${rise(0, 5, 600)}`,
    },
    firing: { 470: 0, 475: 1 },
  },
  {
    alert: "PublicStopped",
    on: "a sender does not run",
    series: { [senderUp]: `${flat(1, 300)} ${flat(0, 300)}` },
    firing: { 375: 0, 380: 1 },
  },
  {
    alert: "PublicStopped",
    on: "a sender restarts within a minute",
    series: { [senderUp]: `${flat(1, 300)} ${flat(0, 55)} ${flat(1, 300)}` },
    firing: { 355: 0, 380: 0, 450: 0 },
  },
  {
    alert: "PublicStopped",
    on: "the server refuses one file, others are delivered",
    series: { [sender("delivered_total")]: rise(0, 1, 900), [sender("oldest_seconds")]: rise(0, 5, 900) },
    firing: { 475: 0, 895: 0 },
  },
  {
    alert: "DeliveryDelayed",
    on: "the server refuses one file, others are delivered",
    series: { [sender("delivered_total")]: rise(0, 1, 900), [sender("oldest_seconds")]: rise(0, 5, 900) },
    firing: { 600: 0, 605: 1 },
  },
  {
    alert: "DeliveryDelayed",
    on: "a file waits for five minutes",
    series: {
      [sender("delivered_total")]: rise(0, 1, 900),
      [sender("oldest_seconds")]: `${rise(0, 5, 300)} ${flat(0, 600)}`,
    },
    firing: { 600: 0 },
  },
  {
    alert: "PublicUnserved",
    on: "apache does not run",
    series: { [unit("wxo-b1", "apache2")]: `${flat(1, 300)} ${flat(0, 300)}` },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "PublicUnserved",
    on: "its host is dead",
    series: { [nodeUp("wxo-b1")]: `${flat(1, 300)} ${flat(0, 300)}` },
    firing: { 375: 0, 380: 1 },
  },
  {
    alert: "PublicUnserved",
    on: "apache restarts",
    series: { [unit("wxo-b1", "apache2")]: `${flat(1, 300)} ${flat(0, 15)} ${flat(1, 300)}` },
    firing: { 310: 0, 360: 0 },
  },
  {
    alert: "MqttUnserved",
    on: "the broker's MQTT plugin is disabled",
    series: { [mqtt]: `${flat(1, 300)} ${flat(0, 300)}`, [brokerUp]: flat(1, 600) },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "MqttUnserved",
    on: "the broker is down, which pages otherwise",
    series: { [mqtt]: `${flat(1, 300)} ${flat(0, 300)}`, [brokerUp]: `${flat(1, 295)} ${flat(0, 305)}` },
    firing: { 360: 0, 590: 0 },
  },
  {
    alert: "BridgeCutOff",
    on: "no Global Broker of two is connected",
    series: { [globalBroker("one")]: flat(0, 900), [globalBroker("two")]: `${flat(1, 300)} ${flat(0, 600)}` },
    firing: { 595: 0, 600: 1 },
  },
  {
    alert: "BridgeCutOff",
    on: "one of two is connected",
    series: { [globalBroker("one")]: flat(0, 900), [globalBroker("two")]: flat(1, 900) },
    firing: { 600: 0, 895: 0 },
  },
  {
    alert: "TargetDown",
    on: "an agent does not run",
    series: {
      'up{job="agent",host="pds-1",agent="puller",instance="pds-1/puller"}': `${flat(1, 300)} ${flat(0, 300)}`,
    },
    firing: { 415: 0, 420: 1 },
  },
  {
    alert: "TargetDown",
    on: "an agent dies again and again, and one scrape in four finds it",
    series: {
      'up{job="agent",host="pds-1",agent="puller",instance="pds-1/puller"}': `${flat(1, 300)} ${"0 0 0 1 ".repeat(30).trim()}`,
    },
    firing: { 700: 1 },
  },
  {
    alert: "TargetDown",
    on: "two scrapes fail",
    series: { [nodeUp("urp-1")]: `${flat(1, 300)} ${flat(0, 10)} ${flat(1, 300)}` },
    firing: { 310: 0, 420: 0 },
  },
  {
    alert: "AgentUnhealthy",
    on: "a puller's disk is full",
    series: { 'warren_puller_healthy{job="agent",host="pds-1",agent="puller"}': `${flat(1, 300)} ${flat(0, 300)}` },
    firing: { 415: 0, 420: 1 },
  },
  {
    alert: "AgentUnhealthy",
    on: "it reconnects within 100 s",
    series: {
      'warren_puller_healthy{job="agent",host="pds-1",agent="puller"}': `${flat(1, 300)} ${flat(0, 100)} ${flat(1, 300)}`,
    },
    firing: { 400: 0, 420: 0 },
  },
  {
    alert: "AgentRestarts",
    on: "four restarts",
    series: {
      'node_systemd_service_restart_total{job="node",host="urp-1",name="warren-announcer.service"}': `${flat(0, 300)} ${rise(1, 1, 20)} ${flat(4, 300)}`,
    },
    firing: { 310: 0, 315: 1 },
  },
  {
    alert: "AgentRestarts",
    on: "one restart, and a reboot that counts from 0",
    series: {
      'node_systemd_service_restart_total{job="node",host="urp-1",name="warren-announcer.service"}': `${flat(7, 300)} ${flat(8, 300)} ${gone(30)} ${flat(0, 300)}`,
    },
    firing: { 300: 0, 700: 0 },
  },
  {
    alert: "UnitDown",
    on: "keepalived does not run",
    series: { [unit("bunny1", "keepalived")]: `${flat(1, 300)} ${flat(0, 300)}` },
    firing: { 415: 0, 420: 1 },
  },
  {
    alert: "UnitDown",
    on: "a broker restarts within 100 s",
    series: { [unit("bunny1", "rabbitmq-server")]: `${flat(1, 300)} ${flat(0, 100)} ${flat(1, 300)}` },
    firing: { 400: 0, 420: 0 },
  },
  {
    alert: "DiskFillsUp",
    on: "4 % are free",
    series: { [disk("avail")]: `${flat(900, 300)} ${flat(40, 600)}`, [disk("size")]: flat(1000, 900) },
    firing: { 595: 0, 600: 1 },
  },
  {
    alert: "DiskFillsUp",
    on: "a third is free, and ten bytes a second go",
    series: { [disk("avail")]: rise(330_000, -50, 4200), [disk("size")]: flat(1_000_000, 4200) },
    firing: { 3895: 0, 3905: 1 },
  },
  {
    alert: "DiskFillsUp",
    on: "it fills slowly: in three weeks",
    series: { [disk("avail")]: rise(330_000, -1, 4200), [disk("size")]: flat(1_000_000, 4200) },
    firing: { 305: 0, 4195: 0 },
  },
  {
    alert: "ClockOff",
    on: "a clock is two seconds ahead",
    series: { [clock]: rise(2, 5, 300) },
    firing: { 55: 0, 60: 1 },
  },
  {
    alert: "ClockOff",
    on: "a clock is half a second ahead",
    series: { [clock]: rise(0.5, 5, 300) },
    firing: { 60: 0, 295: 0 },
  },
  {
    alert: "JobMissing",
    on: "no target of job agent",
    series: { 'up{job="agent",host="pds-1",agent="puller",instance="pds-1/puller"}': "_x100" },
    firing: { 295: 0, 300: 1 },
  },
  {
    alert: "MonitorIsolated",
    on: "two of three hosts don't answer, and neither do their agents",
    series: {
      [nodeUp("bunny1")]: `${flat(1, 300)} ${flat(0, 300)}`,
      [nodeUp("urp-1")]: `${flat(1, 300)} ${flat(0, 300)}`,
      'warren_dispatcher_active{job="agent",host="bunny1",agent="dispatcher"}': `${flat(1, 300)} ${gone(300)}`,
      'node_network_address_info{job="node",host="bunny1",address="10.203.0.50"}': `${flat(1, 300)} ${gone(300)}`,
    },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "MonitorIsolated",
    on: "two scrapes of all hosts fail",
    series: Object.fromEntries(
      ["bunny1", "urp-1", "pds-1"].map((host) => [nodeUp(host), `${flat(1, 300)} ${flat(0, 10)} ${flat(1, 300)}`]),
    ),
    firing: { 310: 0, 360: 0 },
  },
  {
    alert: "CertificateExpires",
    on: "its last 14 days begin after five minutes",
    series: {
      'warren_certificate_expires_seconds{job="node",host="bunny1",of="server"}': flat(14 * 86_400 + 300, 600),
    },
    firing: { 300: 0, 305: 1 },
  },
  {
    alert: "CertificateExpires",
    on: "it is valid for a month",
    series: { 'warren_certificate_expires_seconds{job="node",host="bunny1",of="ca"}': flat(30 * 86_400, 600) },
    firing: { 0: 0, 595: 0 },
  },
  { alert: "Watchdog", on: "always", series: {}, firing: { 0: 1, 600: 1 } },
];
