import { silencedBy } from "../../agents/monitor/alerts.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { alertmanagerPort } from "../../infra/model/monitored.ts";
import { monitorHosts } from "../../infra/model/monitored-hosts.ts";
import { openHosts } from "./hosts.ts";
import { type AskLoopback, withLoopback } from "./loopback-http.ts";

/** A run that is killed ends no silence, so each ends by itself. Milliseconds; longer than any runbook takes on a healthy system. */
export const silenceMs = 2 * 3_600_000;

export interface PlannedWork {
  readonly stack: string;
  readonly config: StackConfig;
  /** The hosts that it touches. */
  readonly hosts: readonly string[];
  readonly verb: string;
  /** Milliseconds after which the silence ends by itself; default: `silenceMs`. */
  readonly forMs?: number;
  say(text: string): void;
}

/** A matcher of Alertmanager's API, version 2. */
interface Matcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: true;
}

/**
 * Silences causes only: tickets of these hosts, and tickets without a host, such as RedundancyLost. No page is silenced, so a lost product still
 * wakes somebody during planned work. An empty alternative matches an alert that has no such label.
 */
export const matchersOf = (hosts: readonly string[]): Matcher[] => [
  { name: "severity", value: "ticket", isRegex: false, isEqual: true },
  { name: "host", value: `${hosts.join("|")}|`, isRegex: true, isEqual: true },
];

/**
 * Sets a silence at the stack's Alertmanager; two of them share their silences, so one is enough. Without a monitor nothing happens; if none
 * answers, that is reported and the work continues.
 *
 * @param open gives the API of a monitor; by default through its ssh
 * @returns ends the silence; it reports a failure and never throws
 */
export async function silenceTickets(work: PlannedWork, open = askThroughTunnel): Promise<() => Promise<void>> {
  const { config, hosts, verb, say, forMs = silenceMs } = work;
  const startsAt = new Date();
  const silence = {
    matchers: matchersOf(hosts),
    startsAt: startsAt.toISOString(),
    endsAt: new Date(startsAt.getTime() + forMs).toISOString(),
    createdBy: silencedBy,
    comment: `./warren ${verb} -s ${work.stack}`,
  };
  for (const monitor of monitorHosts(config)) {
    try {
      const id = await open(work, monitor, async (ask) => idOf(await ask("POST", "/api/v2/silences", silence)));
      return () =>
        open(work, monitor, async (ask) => void (await ask("DELETE", `/api/v2/silence/${id}`))).catch((error: Error) =>
          say(
            `can't end the silence of tickets at ${monitor}: ${error.message}; it ends by itself at ${silence.endsAt}`,
          ),
        );
    } catch (error) {
      say(`can't silence tickets at ${monitor}: ${(error as Error).message}; the work continues, tickets may be sent`);
    }
  }
  return async () => {};
}

/** @throws Error if the answer has no id */
function idOf(answer: string): string {
  const { silenceID } = JSON.parse(answer) as { readonly silenceID?: unknown };
  if (typeof silenceID !== "string" || !/^[\w-]{1,64}$/.test(silenceID)) throw new Error("Alertmanager gave no id");
  return silenceID;
}

async function askThroughTunnel<T>(
  { stack, config }: PlannedWork,
  host: string,
  use: (ask: AskLoopback) => Promise<T>,
): Promise<T> {
  return withLoopback(await openHosts(stack, config), { host, port: alertmanagerPort }, use);
}
