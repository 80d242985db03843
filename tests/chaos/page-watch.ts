import * as z from "zod";
import type { Answered } from "../../agents/lib/ask-json.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { pagePort } from "../../infra/model/monitor-page.ts";
import { alertmanagerPort } from "../../infra/model/monitored.ts";
import { monitorHosts } from "../../infra/model/monitored-hosts.ts";
import { openHosts } from "../../scripts/engine/hosts.ts";
import { withLoopback } from "../../scripts/engine/loopback-http.ts";
import { pause, poll } from "../../scripts/lib/poll.ts";
import type { PageTimes, RoundRecord } from "./account.ts";
import type { Fault } from "./faults.ts";
import { judgeRound, Lasting, listedAlerts, type Observation, pageWithinMs, shownPage } from "./page-judge.ts";
import type { PlannedRound } from "./plan.ts";
import type { Scene } from "./scene.ts";

const askEveryMs = 1000;
const judgeEveryMs = 250;
/** Longer than the page may take, by some observations. */
const heldMs = pageWithinMs + 5000;

/** How the answers are fetched, as JSON. */
export interface Asks {
  page(): Promise<string>;
  alerts(): Promise<string>;
}

/** Watches the live page of a lab while faults are made, about once a second. */
export class PageWatch {
  readonly #cluster: string;
  readonly #lasting = new Lasting();
  readonly #wrong: string[] = [];
  #seen: Observation[] = [];

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  /** What was wrong until now, one sentence each. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  see(one: Observation): void {
    this.#seen.push(one);
    this.#wrong.push(...this.#lasting.see(one));
  }

  /** Asks until the signal. */
  async run(asks: Asks, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.see(await observe(asks));
      await pause(askEveryMs, signal);
    }
  }

  /** After a round: waits until the page is right again, or too late; not if the system has not recovered. */
  async settle({ onPage }: Pick<Fault, "onPage">, record: RoundRecord, signal: AbortSignal): Promise<PageTimes> {
    const round = { ...record, onPage, cluster: this.#cluster };
    const isJudged = () =>
      round.missing !== undefined ||
      judgeRound(this.#seen, round).times.rightMs !== undefined ||
      (this.#seen.at(-1)?.atMs ?? 0) - round.recoveredMs > pageWithinMs;
    await poll(isJudged, { everyMs: judgeEveryMs, signal }).catch(() => {});
    const { times, wrong } = judgeRound(this.#seen, round);
    const what = `round ${record.number}, ${record.fault} on ${record.hosts.join(", ")}`;
    this.#wrong.push(...wrong.map((one) => `${what}: ${one}`));
    this.#seen = [];
    return times;
  }
}

/** A round whose fault is held until the page has to show it. */
export const heldForPage = ({ onPage }: Pick<Fault, "onPage">, planned: PlannedRound): PlannedRound =>
  typeof onPage === "string" ? { ...planned, holdMs: Math.max(planned.holdMs, heldMs) } : planned;

/** Asks once. No answer, and one of another form, are faults. */
export async function observe(asks: Asks): Promise<Observation> {
  const [page, alerts] = await Promise.all([parsed(asks.page, shownPage), parsed(asks.alerts, listedAlerts)]);
  return { atMs: Date.now(), page, alerts };
}

async function parsed<T>(ask: () => Promise<string>, schema: z.ZodType<T>): Promise<Answered<T>> {
  try {
    const { data, error } = schema.safeParse(JSON.parse(await ask()));
    return error ? { fault: z.prettifyError(error).replaceAll(/\s+/g, " ") } : { value: data };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

/**
 * Watches the page during `work`. Each request connects through the tunnel again, so a lost connection costs one observation.
 *
 * @throws UserError if the stack has no monitor that chaos leaves alone
 */
export async function withPageWatch<T>(
  { lab, config, members }: Scene,
  work: (watch: PageWatch) => Promise<T>,
): Promise<T> {
  const host = monitorHosts(config).find((name) => !members.includes(name));
  if (host === undefined)
    throw new UserError(
      `lab ${lab}`,
      "has no live page for --page: no host with the role monitor, besides the brokers' hosts",
      "give another host in `warren:hosts` the role, see docs/live-page.md",
    );
  const hosts = await openHosts(lab, config);
  const ended = new AbortController();
  return withLoopback(hosts, { host, port: pagePort }, (page) =>
    withLoopback(hosts, { host, port: alertmanagerPort }, async (alerts) => {
      const watch = new PageWatch(config.announcements.broker);
      const asks: Asks = {
        page: () => page("GET", "/view"),
        // The monitor asks the same: a host that does not answer hides the tickets of its services.
        alerts: () => alerts("GET", "/api/v2/alerts?inhibited=false"),
      };
      const running = watch.run(asks, ended.signal);
      try {
        return await work(watch);
      } finally {
        ended.abort();
        await running;
      }
    }),
  );
}
