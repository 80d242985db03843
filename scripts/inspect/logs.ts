import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import type { Hosts } from "../../infra/hosts/connect.ts";
import { openHosts } from "../engine/hosts.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, words } from "../lib/options.ts";
import { followJournals } from "./logs/follow.ts";
import { formatLine, type JournalQuery, journalQuestion, type LogLine, merged, parseJournal } from "./logs/journal.ts";
import { type Chain, chainOf } from "./snapshot/chain.ts";

interface Flags extends RunbookFlags {
  readonly host?: readonly string[];
  readonly agent?: readonly string[];
  readonly since: number;
  readonly follow?: true;
}

/** Newest lines of each host: a busy puller writes a hundred thousand an hour. */
const linesMax = 2000;
const hostDeadlineMs = 20_000;

/** `./warren logs -s STACK`: the journals of agents, brokers and servers of all hosts, merged by time. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--host <names>", "only these hosts, separated by commas; repeatable", words)
    .option(
      "--agent <names>",
      "only these agents or units, e.g. announcer, dispatcher, puller, rabbitmq-server, keepalived",
      words,
    )
    .option("--since <seconds>", "how far back, in seconds", seconds, 300)
    .option("--follow", "print new lines until Ctrl-C")
    .addHelpText(
      "after",
      `
Prints at most the newest ${linesMax} lines of each host, in the order of their own times. --json prints one object a line.
Exit codes: 0 done, 1 failed, 2 a host could not be asked, or the stack file is invalid.

  ./warren logs -s op --agent dispatcher --since 3600
  ./warren logs -s op --host pds-1,pds-2 --follow`,
    )
    .action(runLogs);
}

async function runLogs(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "logs");
  const config = readCommittedConfig(stack);
  const queries = queriesOf(chainOf(stack, config), flags);
  const reach = await openHosts(stack, config);
  const width = Math.max(...[...queries.keys()].map((host) => host.length));
  const show = (line: LogLine) => {
    process.stdout.write(flags.json ? `${JSON.stringify(line)}\n` : `${formatLine(line, width)}\n`);
  };
  const missing = (host: string, why: string) => {
    process.stderr.write(`warren: ${host} can't be asked: ${why}\n`);
    process.exitCode = exitFindings;
  };
  await (flags.follow ? follow(reach, queries, show, missing) : printAll(reach, queries, show, missing));
}

type Queries = ReadonlyMap<string, JournalQuery>;
type Show = (line: LogLine) => void;
type Missing = (host: string, why: string) => void;

async function printAll(reach: Hosts, queries: Queries, show: Show, missing: Missing): Promise<void> {
  const found = await Promise.all(
    [...queries].map(async ([host, query]) => {
      const answer = await reach.ask(host, journalQuestion(query), (text) => parseJournal(host, text), hostDeadlineMs);
      if (!("unreachable" in answer)) return answer;
      missing(host, answer.unreachable);
      return [];
    }),
  );
  for (const line of merged(found)) show(line);
}

async function follow(reach: Hosts, queries: Queries, onLine: Show, onEnd: Missing): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, stop);
  await followJournals({ reach, queries, signal: controller.signal, onLine, onEnd });
  for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, stop);
}

/** The query for each host; hosts without such units are left out. @throws UserError if no host has any */
export function queriesOf({ hosts }: Chain, flags: Pick<Flags, "host" | "agent" | "since">): Map<string, JournalQuery> {
  const { host: only, agent: wanted, since: sinceSeconds } = flags;
  const unknown = only?.find((name) => !hosts.some((host) => host.name === name));
  if (unknown !== undefined) {
    throw new UserError(unknown, "is not a host of the stack", `its hosts: ${hosts.map(({ name }) => name).join(" ")}`);
  }
  const queries = new Map<string, JournalQuery>();
  for (const { name, agents, units } of hosts) {
    if (only && !only.includes(name)) continue;
    const all = [...agents.map(({ unit }) => unit), ...units];
    const chosen = all.filter((unit) => {
      const short = unit.replace(/\.service$/, "");
      return !wanted || wanted.includes(short) || wanted.includes(short.replace(/^warren-/, ""));
    });
    if (chosen.length > 0) queries.set(name, { units: chosen, sinceSeconds, linesMax });
  }
  if (queries.size > 0) return queries;
  const there = new Set(hosts.flatMap(({ agents, units }) => [...agents.map(({ name }) => name), ...units]));
  throw new UserError(
    "--agent",
    `none of these hosts has ${wanted?.join(", ") ?? "any unit"}`,
    `agents and units: ${[...there].join(" ")}`,
  );
}
