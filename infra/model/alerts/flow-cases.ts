import type { AlertCase } from "./case.ts";
import { flat, gone, rise } from "./series.ts";

const agent = (name: string, host: string) => `job="agent",host="${host}",agent="${name}"`;
const announced = 'warren_announcer_announced_total{job="agent",host="urp-9",agent="announcer"}';
const pulled = 'warren_puller_pulled_total{job="agent",host="pds-9",agent="puller"}';
const auditor = (metric: string, labels = "") => `warren_auditor_${metric}{${agent("auditor", "px-1")}${labels}}`;
const started = 'process_start_time_seconds{job="prometheus",host="px-1"}';

export const flowCases: readonly AlertCase[] = [
  {
    alert: "ProductLost",
    on: "one product is overdue",
    series: { [auditor("overdue_total")]: `${flat(7, 600)} ${flat(8, 1200)}` },
    firing: { 595: 0, 600: 1, 1190: 1, 1210: 0 },
  },
  {
    alert: "ProductLost",
    on: "a valid announcement is dead-lettered",
    series: { [auditor("dead_letters_total", ',kind="product"')]: `${flat(0, 300)} ${flat(1, 600)}` },
    firing: { 295: 0, 300: 1 },
  },
  {
    alert: "ProductLost",
    on: "garbage is dead-lettered",
    series: { [auditor("dead_letters_total", ',kind="garbage"')]: `${flat(0, 300)} ${flat(9, 600)}` },
    firing: { 300: 0, 600: 0 },
  },
  {
    alert: "ProductLost",
    on: "the auditor restarts and counts from 0 again",
    series: { [auditor("overdue_total")]: `${flat(7, 300)} ${gone(20)} ${flat(0, 600)}` },
    firing: { 320: 0, 325: 0, 600: 0 },
  },
  {
    alert: "FlowStopped",
    on: "the last product is placed after ten minutes",
    series: { [pulled]: `${rise(0, 1, 600)} ${flat(119, 600)}` },
    firing: { 770: 0, 775: 1 },
  },
  {
    alert: "FlowStopped",
    on: "every broker is away, announcers spool",
    series: { [pulled]: `${rise(0, 1, 600)} ${gone(600)}` },
    firing: { 765: 0, 775: 1 },
  },
  {
    alert: "FlowStopped",
    on: "pullers restart within a minute and count from 0",
    series: { [pulled]: `${rise(0, 1, 600)} ${gone(50)} ${rise(0, 1, 600)}` },
    firing: { 650: 0, 775: 0, 1200: 0 },
  },
  {
    alert: "FlowStopped",
    on: "two scrapes fail",
    series: { [pulled]: `${rise(0, 1, 600)} ${gone(10)} ${rise(122, 1, 600)}` },
    firing: { 605: 0, 610: 0, 700: 0 },
  },
  {
    alert: "FlowStopped",
    on: "nothing is announced, so nothing is placed",
    series: { [announced]: flat(5, 1000), [pulled]: flat(5, 1000) },
    firing: { 400: 0, 900: 0 },
  },
  {
    alert: "NothingAnnounced",
    on: "the last product is announced after twenty minutes",
    series: {
      [announced]: `${rise(0, 1, 1200)} ${flat(239, 1200)}`,
      [pulled]: `${rise(0, 1, 1200)} ${flat(239, 1200)}`,
    },
    firing: { 2150: 0, 2155: 1 },
  },
  {
    alert: "NothingAnnounced",
    on: "both radar servers are dead",
    series: { [announced]: `${rise(0, 1, 1200)} ${gone(1200)}`, [pulled]: `${rise(0, 1, 1200)} ${flat(239, 1200)}` },
    firing: { 2140: 0, 2160: 1 },
  },
  {
    alert: "NothingAnnounced",
    on: "Prometheus has just started",
    series: { [announced]: flat(5, 1600), [started]: flat(700, 1600) },
    firing: { 1000: 0, 1600: 0 },
  },
  {
    alert: "NothingAnnounced",
    on: "the monitor is cut off",
    series: {
      [announced]: `${rise(0, 1, 600)} ${gone(1200)}`,
      ...Object.fromEntries(
        ["bunny1", "urp-1"].map((host) => [
          `up{job="node",host="${host}",instance="${host}"}`,
          `${flat(1, 600)} ${flat(0, 1200)}`,
        ]),
      ),
    },
    firing: { 1600: 0, 1790: 0 },
    alsoPages: ["MonitorIsolated"],
  },
  {
    alert: "SourceSilent",
    on: "one of two radar servers is silent",
    series: {
      [`warren_dispatcher_source_silent{${agent("dispatcher", "bunny1")},source="urp-1"}`]: `${flat(0, 300)} ${flat(1, 300)}`,
    },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "SourceSilent",
    on: "it announces again after 55 s",
    series: {
      [`warren_dispatcher_source_silent{${agent("dispatcher", "bunny1")},source="urp-1"}`]: `${flat(0, 300)} ${flat(1, 55)} ${flat(0, 300)}`,
    },
    firing: { 355: 0, 360: 0, 500: 0 },
  },
  {
    alert: "FetchesFail",
    on: "a radar server does not answer a puller",
    series: { [`warren_puller_origins_silent{${agent("puller", "pds-5")}}`]: `${flat(0, 300)} ${flat(1, 300)}` },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "FetchesFail",
    on: "three twins are requested",
    series: {
      [`warren_puller_alternates_asked_total{${agent("puller", "pds-5")}}`]: `${flat(4, 300)} ${flat(7, 300)}`,
    },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "FetchesFail",
    on: "one file was replaced while it was fetched",
    series: {
      [`warren_puller_alternates_asked_total{${agent("puller", "pds-5")}}`]: `${flat(4, 300)} ${flat(5, 300)}`,
    },
    firing: { 360: 0, 595: 0 },
  },
  {
    alert: "Spooling",
    on: "eleven announcements wait",
    series: { [`warren_announcer_spooled{${agent("announcer", "urp-2")}}`]: `${flat(0, 300)} ${flat(11, 300)}` },
    firing: { 355: 0, 360: 1 },
  },
  {
    alert: "Spooling",
    on: "many wait for a broker that restarts within a minute",
    series: {
      [`warren_announcer_spooled{${agent("announcer", "urp-2")}}`]: `${flat(0, 300)} ${flat(500, 55)} ${flat(0, 300)}`,
    },
    firing: { 355: 0, 400: 0 },
  },
  {
    alert: "DeadLetters",
    on: "one dead letter",
    series: {
      'rabbitmq_detailed_queue_messages{job="rabbitmq-queues",cluster="bunny",host="bunny1",queue="cmc.urp.dead"}': `${flat(0, 300)} ${flat(1, 60)} ${flat(0, 60)}`,
    },
    firing: { 295: 0, 300: 1, 365: 0 },
  },
  {
    alert: "Repeats",
    on: "a product is placed twice",
    series: { [auditor("repeated_total")]: `${flat(2, 300)} ${flat(3, 300)}` },
    firing: { 295: 0, 300: 1 },
  },
  {
    alert: "Repeats",
    on: "the auditor restarts",
    series: { [auditor("repeated_total")]: `${flat(2, 300)} ${gone(20)} ${flat(0, 300)}` },
    firing: { 320: 0, 600: 0 },
  },
  {
    alert: "AuditorBlind",
    on: "a gap of more than ten minutes",
    series: { [auditor("knows")]: `${flat(1, 300)} ${flat(0, 900)}` },
    firing: { 895: 0, 900: 1 },
  },
  {
    alert: "AuditorBlind",
    on: "a gap of nine minutes",
    series: { [auditor("knows")]: `${flat(1, 300)} ${flat(0, 540)} ${flat(1, 300)}` },
    firing: { 835: 0, 900: 0 },
  },
];
