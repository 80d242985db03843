import * as z from "zod";
import type { Answered } from "../../agents/lib/ask-json.ts";
import { deadLetterQueue } from "../../agents/lib/topology.ts";
import { nodeIds } from "../../agents/monitor/map-shape.ts";
import { staleMs } from "../../agents/monitor/view.ts";
import type { PageTimes, RoundRecord } from "./account.ts";

// Whether the live page shows what is wrong with the system. Pure.

/**
 * What the page must show of a fault: a warning or a fault at the box of each struck host, or at the cluster's box, or the virtual IP on
 * another host. Or why nothing is certain to be seen.
 */
export type OnPage = "member" | "cluster" | "moved" | { readonly nothing: string };

/**
 * Time for the page to follow, in milliseconds. Prometheus scrapes each 5 s and waits at most 4 s for an answer; the page is made each 5 s.
 */
export const pageWithinMs = 15_000;

const state = z.enum(["ok", "warn", "bad", "unknown"]);
const isFaulty = (one: z.infer<typeof state> | undefined): boolean => one === "warn" || one === "bad";

/** The answer of the page's `/view`, as far as it is judged. */
export const shownPage = z.object({
  ageMs: z.number(),
  view: z.object({
    verdict: z.object({ state, text: z.string() }),
    nodes: z.record(z.string(), z.object({ state, word: z.string().optional(), lines: z.array(z.string()) })),
    alerts: z.record(z.string(), z.object({ name: z.string(), isSilenced: z.boolean().optional() })),
  }),
});
export type ShownPage = z.infer<typeof shownPage>;

/** Alertmanager's `/api/v2/alerts`: those that page or make a ticket. The page doesn't show others. */
export const listedAlerts = z
  .array(
    z.object({
      fingerprint: z.string(),
      labels: z.object({ alertname: z.string(), severity: z.string().optional() }),
      annotations: z.object({ summary: z.string().optional() }),
      status: z.object({ silencedBy: z.array(z.string()) }),
    }),
  )
  .transform((alerts) => alerts.filter(({ labels }) => labels.severity === "page" || labels.severity === "ticket"));
type ListedAlerts = z.infer<typeof listedAlerts>;

/** What page and Alertmanager answered at one time, milliseconds since 1970. */
export interface Observation {
  readonly atMs: number;
  readonly page: Answered<ShownPage>;
  readonly alerts: Answered<ListedAlerts>;
}

/** The parts of a round by which the page is judged. If a problem remained (`missing`), the page need not be right again. */
export interface JudgedRound extends Pick<RoundRecord, "hosts" | "faultMs" | "healMs" | "recoveredMs" | "missing"> {
  readonly onPage: OnPage;
  /** The brokers' cluster. */
  readonly cluster: string;
}

/**
 * Judges a round. If it was broken off, or the fault was healed early, the observations end before it is too late, and nothing is wrong.
 *
 * @param seen in order of time
 * @returns the times, and what was wrong for too long
 */
export function judgeRound(
  seen: readonly Observation[],
  round: JudgedRound,
): { readonly times: PageTimes; readonly wrong: readonly string[] } {
  const { onPage, faultMs, healMs, recoveredMs, missing } = round;
  const during = seen.filter(({ atMs }) => atMs >= faultMs && atMs < healMs);
  const after = seen.filter(({ atMs }) => atMs >= recoveredMs);
  const shown = typeof onPage === "string" ? untilGood(during, faultMs, (one) => whyNotShown(one, round)) : {};
  const right = missing === undefined ? untilGood(after, recoveredMs, (one) => whyNotRight(one, round)) : {};
  const within = `within ${pageWithinMs / 1000} s`;
  return {
    times: { shownMs: shown.tookMs, rightMs: right.tookMs },
    wrong: [
      ...(shown.problem === undefined ? [] : [`the page did not show it ${within}: ${shown.problem}`]),
      ...(right.problem === undefined ? [] : [`the page was not right again ${within}: ${right.problem}`]),
    ],
  };
}

interface Outcome {
  readonly tookMs?: number;
  /** If it took too long: the problem at the end of the time. */
  readonly problem?: string | undefined;
}

function untilGood(
  seen: readonly Observation[],
  sinceMs: number,
  problemOf: (one: Observation) => string | undefined,
): Outcome {
  const inTime = seen.filter(({ atMs }) => atMs - sinceMs <= pageWithinMs);
  const good = seen.find((one) => problemOf(one) === undefined);
  const took = good ? { tookMs: good.atMs - sinceMs } : {};
  if (inTime.length === seen.length || (good && inTime.includes(good))) return took;
  const last = inTime.at(-1);
  return { ...took, problem: last ? problemOf(last) : "it did not answer" };
}

/** The view; a text if there is none that an operator could use. */
function viewOf({ page }: Observation): ShownPage["view"] | string {
  if ("fault" in page) return `it does not answer: ${page.fault}`;
  const { ageMs, view } = page.value;
  return ageMs > staleMs ? `it is ${(ageMs / 1000).toFixed(1)} s old` : view;
}

/** What the page shows instead of the fault; undefined if it shows it. */
function whyNotShown(one: Observation, { onPage, hosts, cluster }: JudgedRound): string | undefined {
  const view = viewOf(one);
  if (typeof view === "string") return view;
  const { nodes, verdict } = view;
  const frame = nodeIds.cluster(cluster);
  if (onPage === "moved") {
    const lines = nodes[frame]?.lines ?? [];
    const isElsewhere = lines.some((line) => line.startsWith("on ") && !hosts.includes(line.slice("on ".length)));
    return isElsewhere ? undefined : `${frame} shows ${lines.join(", ")}`;
  }
  const boxes = onPage === "cluster" ? [frame] : hosts.map(nodeIds.member);
  const healthy = boxes.find((id) => !isFaulty(nodes[id]?.state));
  if (healthy !== undefined) return `${healthy} is ${nodes[healthy]?.state ?? "missing"}`;
  return verdict.state === "ok" ? `its verdict is ok: ${verdict.text}` : undefined;
}

/**
 * What the page of a recovered system shows as wrong; undefined if nothing. The verdict may name an alert that still fires: alerts have windows of
 * minutes. The dead letter queue's box stays until a person empties the queue.
 */
function whyNotRight(one: Observation, { hosts, cluster }: JudgedRound): string | undefined {
  const view = viewOf(one);
  if (typeof view === "string") return view;
  const { nodes, verdict } = view;
  const struck = [nodeIds.cluster(cluster), ...hosts.map(nodeIds.member)];
  const others = Object.keys(nodes).filter((id) => !struck.includes(id) && id !== nodeIds.queue(deadLetterQueue));
  const wrong = [
    ...struck.filter((id) => nodes[id]?.state !== "ok"),
    ...others.filter((id) => isFaulty(nodes[id]?.state)),
  ];
  if (wrong.length > 0) return wrong.map((id) => `${id} ${nodes[id]?.word ?? "missing"}`).join(", ");
  const firing = "value" in one.alerts ? one.alerts.value.filter(({ status }) => status.silencedBy.length === 0) : [];
  const text = verdict.text.toLowerCase();
  const isNamed = firing.some(({ annotations: { summary } }) => summary && text.startsWith(summary.toLowerCase()));
  return verdict.state === "ok" || isNamed ? undefined : `its verdict is ${verdict.state}: ${verdict.text}`;
}

/** What must never be wrong for long: the page answers and is not old, and its alerts are Alertmanager's. */
export class Lasting {
  readonly #since = new Map<string, { readonly atMs: number; isReported: boolean }>();

  /** @returns problems that have now lasted too long, each once until it ends */
  see(one: Observation): string[] {
    const problems = problemsOf(one);
    const keys = new Set(problems.map(({ key }) => key));
    for (const key of this.#since.keys()) if (!keys.has(key)) this.#since.delete(key);
    return problems.flatMap(({ key, text, mostMs = pageWithinMs }) => {
      const since = this.#since.get(key) ?? { atMs: one.atMs, isReported: false };
      this.#since.set(key, since);
      if (since.isReported || one.atMs - since.atMs < mostMs) return [];
      since.isReported = true;
      return [`${new Date(since.atMs).toISOString().slice(11, 19)}: ${text}`];
    });
  }
}

interface Problem {
  readonly key: string;
  readonly text: string;
  /** Milliseconds that it may last, if not as long as the page may take to follow. */
  readonly mostMs?: number;
}

function problemsOf({ page, alerts }: Observation): Problem[] {
  const problems: Problem[] = [];
  if ("fault" in page) problems.push({ key: "page", text: `the page does not answer: ${page.fault}` });
  if ("fault" in alerts) problems.push({ key: "alerts", text: `Alertmanager does not answer: ${alerts.fault}` });
  if ("fault" in page) return problems;
  const { ageMs, view } = page.value;
  if (ageMs > staleMs) problems.push({ key: "age", text: `the page is ${(ageMs / 1000).toFixed(1)} s old`, mostMs: 0 });
  if ("fault" in alerts) return problems;
  const shown = Object.entries(view.alerts).map(([id, { name, isSilenced }]) => named(id, name, isSilenced));
  const listed = alerts.value.map(({ fingerprint, labels, status }) =>
    named(fingerprint, labels.alertname, status.silencedBy.length > 0),
  );
  const differ = (ones: readonly string[], others: readonly string[], text: (one: string) => string): Problem[] =>
    ones.filter((one) => !others.includes(one)).map((one) => ({ key: text(one), text: text(one) }));
  return [
    ...problems,
    ...differ(listed, shown, (one) => `the page does not show ${one}, which Alertmanager lists`),
    ...differ(shown, listed, (one) => `the page shows ${one}, which Alertmanager does not list`),
  ];
}

const named = (fingerprint: string, name: string, isSilenced = false): string =>
  `alert ${name} (${fingerprint}${isSilenced ? ", silenced" : ""})`;
