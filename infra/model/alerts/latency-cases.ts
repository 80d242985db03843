import type { AlertCase } from "./case.ts";
import { flat, rise } from "./series.ts";

const hour = 3600;
const day = 86_400;
const labels = 'job="agent",host="pds-1",agent="puller"';
const count = `warren_puller_closed_to_placed_seconds_count{${labels}}`;
const within = (seconds: number) => `warren_puller_closed_to_placed_seconds_bucket{${labels},le="${seconds}"}`;

/** Of all products in time until `until`, then so many of each 60. */
const slowAfter = (until: number, fastOf60: number, forSeconds: number) => ({
  [count]: rise(0, 60, until + forSeconds, 60),
  [within(10)]: rise(0, 60, until + forSeconds, 60),
  [within(1)]: `${rise(0, 60, until, 60)} ${rise(until - 60 + fastOf60, fastOf60, forSeconds, 60)}`,
});

export const latencyCases: readonly AlertCase[] = [
  {
    alert: "LatencyBudgetFast",
    on: "one product in six is slow for 52 minutes: a share of 14.44 % in the hour",
    series: slowAfter(3 * hour, 50, 2 * hour),
    firing: { 13800: 0, 13860: 1 },
    stepSeconds: 60,
  },
  {
    alert: "LatencyBudgetFast",
    on: "one in twelve is slow: no hour has 14.4 %, but six hours have 6 % in the end",
    series: slowAfter(6 * hour, 55, 6 * hour),
    firing: { [6 * hour + 4 * hour]: 0, [6 * hour + 6 * hour - 60]: 1 },
    stepSeconds: 60,
  },
  {
    alert: "LatencyBudgetFast",
    on: "the cause ends: so does the alert, as soon as five minutes are fast",
    series: {
      ...slowAfter(3 * hour, 0, hour),
      [count]: rise(0, 60, 5 * hour, 60),
      [within(10)]: rise(0, 60, 5 * hour, 60),
      [within(1)]: `${rise(0, 60, 3 * hour, 60)} ${flat(10_740, 600, 60)} ${rise(10_800, 60, hour, 60)}`,
    },
    firing: { [3 * hour + 540]: 1, [3 * hour + 1200]: 0 },
    stepSeconds: 60,
  },
  {
    alert: "LatencyBudgetFast",
    on: "all of 50 products in an hour are slow: too few to judge",
    series: {
      [count]: `${flat(0, hour, 60)} ${rise(1, 1, 3000, 60)} ${flat(50, 600, 60)}`,
      [within(10)]: `${flat(0, hour, 60)} ${rise(1, 1, 3000, 60)} ${flat(50, 600, 60)}`,
      [within(1)]: flat(0, 2 * hour, 60),
    },
    firing: { 6000: 0, 7080: 0 },
    stepSeconds: 60,
  },
  {
    alert: "LatencyBudgetFast",
    on: "a puller restarts and counts from 0 again",
    series: {
      [count]: `${rise(0, 60, hour, 60)} ${rise(0, 60, hour, 60)}`,
      [within(10)]: `${rise(0, 60, hour, 60)} ${rise(0, 60, hour, 60)}`,
      [within(1)]: `${rise(0, 60, hour, 60)} ${rise(0, 60, hour, 60)}`,
    },
    firing: { [hour]: 0, [hour + 300]: 0, [2 * hour - 60]: 0 },
    stepSeconds: 60,
  },
  {
    alert: "LatencyBudgetFast",
    on: "deliveries to the public take longer than five seconds",
    series: {
      'warren_sender_latency_seconds_count{job="agent",host="px-1",agent="delivery-ftp"}': rise(0, 60, 2 * hour, 60),
      'warren_sender_latency_seconds_bucket{job="agent",host="px-1",agent="delivery-ftp",le="5"}': flat(
        0,
        2 * hour,
        60,
      ),
    },
    firing: { 0: 0, 60: 1 },
    stepSeconds: 60,
  },
  {
    alert: "LatencyBudgetSlow",
    on: "2 % are slow for a day, after a day without",
    series: {
      [count]: rise(0, 100, 3 * day, 300),
      [within(10)]: rise(0, 100, 3 * day, 300),
      [within(1)]: `${rise(0, 100, day, 300)} ${rise(28_798, 98, 2 * day, 300)}`,
    },
    firing: { [2 * day - 900]: 0, [2 * day - 300]: 1 },
    stepSeconds: 300,
  },
  {
    alert: "LatencyBudgetSlow",
    on: "half a percent is slow all the time",
    series: {
      [count]: rise(0, 200, 3 * day, 300),
      [within(10)]: rise(0, 200, 3 * day, 300),
      [within(1)]: rise(0, 199, 3 * day, 300),
    },
    firing: { [day]: 0, [3 * day - 300]: 0 },
    stepSeconds: 300,
  },
];
