import * as z from "zod";
import { hostsWith } from "../../infra/config/hosts.ts";
import { prometheusPort } from "../../infra/model/monitored.ts";
import { openHosts } from "../../scripts/engine/hosts.ts";
import { withLoopback } from "../../scripts/engine/loopback-http.ts";
import { lab, stackConfig } from "./subject.ts";

const answerSchema = z.object({
  data: z.object({ result: z.array(z.object({ metric: z.object({ alertname: z.string() }) })) }),
});

/** Pages about latency budgets. Their windows of hours still contain the faults of earlier tests. */
export const budgetPages = /^LatencyBudget.+$/;

/** @param since seconds */
const query = (since: number): string =>
  `count by (alertname) (count_over_time(ALERTS{severity="page",alertstate="firing"}[${since}s]))`;

/** Names of the pages that fired within the last seconds; none without a monitor. @throws Error if the lab's monitor does not answer */
async function pagesWithin(seconds: number): Promise<string[]> {
  const config = await stackConfig();
  const [host] = hostsWith(config, "monitor");
  if (host === undefined) return [];
  const hosts = await openHosts(lab, config);
  const path = `/api/v1/query?query=${encodeURIComponent(query(Math.ceil(seconds)))}`;
  const answer = await withLoopback(hosts, { host, port: prometheusPort }, (ask) => ask("GET", path));
  return answerSchema.parse(JSON.parse(answer)).data.result.map(({ metric }) => metric.alertname);
}

/** A scrape and an evaluation of the rules. */
const nowSeconds = 11;

/**
 * Does work.
 *
 * @param ignored names of pages
 * @returns its result, and the names of the other pages that began to fire meanwhile
 */
export async function pagesDuring<T>(
  work: () => Promise<T>,
  ignored?: RegExp,
): Promise<{ readonly done: T; readonly pages: string[] }> {
  const before = await pagesWithin(nowSeconds);
  const fromMs = performance.now();
  const done = await work();
  const after = await pagesWithin((performance.now() - fromMs) / 1000);
  return { done, pages: after.filter((name) => !before.includes(name) && !ignored?.test(name)) };
}
