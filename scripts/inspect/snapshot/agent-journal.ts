import { type ExportLine, parseExportLine, type Selection } from "../../../agents/lib/journal-export.ts";
import { quote } from "../../../infra/commands/command.ts";
import { askedAs, type Bounds } from "../../../infra/commands/question.ts";
import {
  agentCommandLine,
  nodeProgram,
  productAccount,
  serviceAccount,
  stateFolderOf,
} from "../../../infra/model/agent-part.ts";
import { formerReaders } from "./former-journal.ts";

/** Agents whose journals can be read, with the account that owns them. */
const accounts = { announcer: productAccount, dispatcher: serviceAccount, puller: productAccount } as const;
export type JournaledAgent = keyof typeof accounts;

export const isJournaled = (agent: string): agent is JournaledAgent => Object.hasOwn(accounts, agent);

/** Exit code of a program that doesn't know an option. */
const unknownOption = 2;

export interface JournalQuestion extends Selection {
  /** At most this many lines, the last ones. */
  readonly linesMax?: number;
  readonly bounds: Bounds;
}

/**
 * Shell text that prints the journal of a host's agent, with the rights of its account; `formerReaders` reads journals of agents without `--export`.
 * `readJournal` reads the answer, which is empty if there is no such agent.
 */
export function askJournal(agent: JournaledAgent, { sinceMs, key, linesMax, bounds }: JournalQuestion): string {
  const state = stateFolderOf(agent);
  const asked = [
    ...["env", `STATE_DIRECTORY=${state}`, ...agentCommandLine(agent), "--export"],
    ...(sinceMs === undefined ? [] : ["--since", new Date(sinceMs).toISOString()]),
    ...(key === undefined ? [] : ["--key", key]),
  ];
  const former = [nodeProgram, "-e", formerReaders[agent], state, String(sinceMs ?? ""), key ?? ""];
  const [now, before] = [asked, former].map((argv) => argv.map(quote).join(" "));
  const last = linesMax === undefined ? "" : ` | tail -n ${linesMax}`;
  const script = `{ ${now}; [ $? -ne ${unknownOption} ] || ${before}; }${last}`;
  return askedAs(accounts[agent].name, `sh -c ${quote(script)}`, bounds);
}

/** Parses the entries; other lines, such as a truncated one, are skipped. */
export const readJournal = (lines: readonly string[]): ExportLine[] =>
  lines.flatMap((line) => parseExportLine(line) ?? []);
