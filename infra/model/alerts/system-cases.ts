import type { AlertCase } from "./case.ts";
import { flat, gone, rise } from "./series.ts";

const dispatcher = (metric: string, host: string, more = "") =>
  `warren_dispatcher_${metric}{job="agent",host="${host}",agent="dispatcher"${more}}`;
const address = (host: string) => `node_network_address_info{job="node",host="${host}",address="10.203.0.50"}`;
const broker = (metric: string, host: string, more = "") =>
  `${metric}{job="rabbitmq",cluster="bunny",host="${host}"${more}}`;
const brokerUp = (host: string) => broker("up", host, `,instance="${host}"`);
const peer = (host: string, of: string) => broker("erlang_vm_dist_node_state", host, `,peer="rabbit@${of}"`);
const queue = (metric: string) =>
  `rabbitmq_detailed_queue_${metric}{job="rabbitmq-queues",cluster="bunny",host="bunny1",queue="cmc.urp.pull"}`;

/** Dispatchers, virtual IPs, brokers. */
export const systemCases: readonly AlertCase[] = [
  {
    alert: "NoDispatcher",
    on: "the active one becomes a standby, and no other is active",
    series: { [dispatcher("active", "bunny1")]: `${flat(1, 300)} ${flat(0, 300)}` },
    firing: { 330: 0, 335: 1 },
  },
  {
    alert: "NoDispatcher",
    on: "the active one hangs: it can't be scraped",
    series: { [dispatcher("active", "bunny1")]: `${flat(1, 300)} ${gone(300)}` },
    firing: { 325: 0, 335: 1 },
  },
  {
    alert: "NoDispatcher",
    on: "two scrapes fail",
    series: { [dispatcher("active", "bunny1")]: `${flat(1, 300)} ${gone(10)} ${flat(1, 300)}` },
    firing: { 310: 0, 335: 0, 400: 0 },
  },
  {
    alert: "NoDispatcher",
    on: "a take-over of ten seconds",
    series: {
      [dispatcher("active", "bunny1")]: `${flat(1, 300)} ${flat(0, 300)}`,
      [dispatcher("active", "bunny2")]: `${flat(0, 310)} ${flat(1, 290)}`,
    },
    firing: { 320: 0, 335: 0 },
  },
  {
    alert: "TwoDispatchers",
    on: "a second one is active",
    series: {
      [dispatcher("active", "bunny2")]: `${flat(0, 300)} ${flat(1, 300)}`,
    },
    firing: { 325: 0, 330: 1 },
  },
  {
    alert: "TwoDispatchers",
    on: "a move is seen as two for one scrape",
    series: {
      [dispatcher("active", "bunny1")]: `${flat(1, 305)} ${flat(0, 300)}`,
      [dispatcher("active", "bunny2")]: `${flat(0, 300)} ${flat(1, 300)}`,
    },
    firing: { 300: 0, 330: 0 },
  },
  {
    alert: "DispatcherStuck",
    on: "its table is full",
    series: {
      [dispatcher("state", "bunny1", ',warren_dispatcher_state="full"')]: `${flat(0, 300)} ${flat(1, 300)}`,
    },
    firing: { 415: 0, 420: 1 },
  },
  {
    alert: "DispatcherStuck",
    on: "publishes are retried during a broker's restart",
    series: { [dispatcher("retrying", "bunny1")]: `${flat(0, 300)} ${flat(40, 90)} ${flat(0, 300)}` },
    firing: { 390: 0, 420: 0, 500: 0 },
  },
  {
    alert: "JournalFault",
    on: "the journal can't be written",
    series: { [dispatcher("journal_fault", "bunny1")]: `${flat(0, 300)} ${flat(1, 300)}` },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "JournalFault",
    on: "for less than a minute",
    series: { [dispatcher("journal_fault", "bunny1")]: `${flat(0, 300)} ${flat(1, 55)} ${flat(0, 300)}` },
    firing: { 355: 0, 360: 0 },
  },
  {
    alert: "VirtualIp",
    on: "no host has it",
    series: { [address("bunny1")]: `${flat(1, 300)} ${gone(300)}` },
    firing: { 325: 0, 335: 1 },
  },
  {
    alert: "VirtualIp",
    on: "two hosts have it",
    series: { [address("bunny2")]: `_x60 ${flat(1, 300)}` },
    firing: { 310: 0, 315: 1 },
  },
  {
    alert: "VirtualIp",
    on: "it moves within ten seconds",
    series: {
      [address("bunny1")]: `${flat(1, 300)} ${gone(300)}`,
      [address("bunny2")]: `_x62 ${flat(1, 290)}`,
    },
    firing: { 305: 0, 320: 0, 335: 0 },
  },
  {
    alert: "VirtualIp",
    on: "two scrapes of its holder fail",
    series: { [address("bunny1")]: `${flat(1, 300)} ${gone(10)} ${flat(1, 300)}` },
    firing: { 305: 0, 315: 0, 335: 0 },
  },
  {
    alert: "VirtualIpAway",
    on: "it stays on the other host",
    series: {
      [address("bunny1")]: `${flat(1, 300)} ${gone(900)}`,
      [address("bunny2")]: `_x60 ${flat(1, 900)}`,
    },
    firing: { 895: 0, 900: 1 },
  },
  {
    alert: "VirtualIpAway",
    on: "planned work of nine minutes",
    series: {
      [address("bunny1")]: `${flat(1, 300)} ${gone(540)} ${flat(1, 300)}`,
      [address("bunny2")]: `_x60 ${flat(1, 540)} ${gone(300)}`,
    },
    firing: { 835: 0, 900: 0 },
  },
  {
    alert: "BrokerBlocked",
    on: "one member has a memory alarm",
    series: {
      [broker("rabbitmq_alarms_memory_used_watermark", "bunny2")]: `${flat(0, 300)} ${flat(1, 300)}`,
      [broker("rabbitmq_alarms_memory_used_watermark", "bunny1")]: flat(0, 600),
    },
    firing: { 325: 0, 330: 1 },
  },
  {
    alert: "BrokerBlocked",
    on: "one member has a disk alarm",
    series: { [broker("rabbitmq_alarms_free_disk_space_watermark", "bunny1")]: `${flat(0, 300)} ${flat(1, 300)}` },
    firing: { 325: 0, 330: 1 },
  },
  {
    alert: "BrokerBlocked",
    on: "an alarm of 25 s",
    series: {
      [broker("rabbitmq_alarms_memory_used_watermark", "bunny1")]: `${flat(0, 300)} ${flat(1, 25)} ${flat(0, 300)}`,
    },
    firing: { 325: 0, 330: 0 },
  },
  {
    alert: "RedundancyLost",
    on: "a member is down",
    series: { [brokerUp("bunny2")]: `${flat(1, 300)} ${flat(0, 300)}` },
    firing: { 415: 0, 420: 1 },
  },
  {
    alert: "RedundancyLost",
    on: "two members run and don't see each other",
    series: {
      [peer("bunny1", "bunny2")]: `${flat(3, 300)} ${gone(300)}`,
      [peer("bunny2", "bunny1")]: `${flat(3, 300)} ${gone(300)}`,
    },
    firing: { 415: 0, 420: 1 },
  },
  {
    alert: "RedundancyLost",
    on: "a member restarts within 100 s",
    series: {
      [brokerUp("bunny2")]: `${flat(1, 300)} ${flat(0, 100)} ${flat(1, 300)}`,
      [peer("bunny1", "bunny2")]: `${flat(3, 300)} ${gone(100)} ${flat(3, 300)}`,
      [peer("bunny2", "bunny1")]: `${flat(3, 300)} ${gone(100)} ${flat(3, 300)}`,
    },
    firing: { 400: 0, 420: 0 },
  },
  {
    alert: "NoConsumer",
    on: "products wait and no puller is connected",
    series: {
      [queue("consumers")]: `${flat(5, 300)} ${flat(0, 300)}`,
      [queue("messages")]: `${flat(0, 300)} ${rise(1, 3, 300)}`,
    },
    firing: { 415: 0, 420: 1 },
  },
  {
    alert: "NoConsumer",
    on: "no puller is connected, and nothing waits",
    series: { [queue("consumers")]: flat(0, 600), [queue("messages")]: flat(0, 600) },
    firing: { 595: 0 },
  },
];
