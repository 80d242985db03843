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

/** Agents of whose journals something is asked, by the account that has them. */
const accounts = { announcer: productAccount, dispatcher: serviceAccount, puller: productAccount } as const;
export type JournaledAgent = keyof typeof accounts;

export const isJournaled = (agent: string): agent is JournaledAgent => Object.hasOwn(accounts, agent);

/** A program ends with it where it doesn't know an option. */
const unknownOption = 2;

export interface JournalQuestion extends Selection {
  /** Of all lines only so many, the last ones. */
  readonly linesMax?: number;
  readonly bounds: Bounds;
}

/**
 * Shell text that has the agent of a host tell what its journal holds, with the rights of its account; one of before `--export` is read by
 * `formerReaders`. `readJournal` reads the answer: nothing where there is no such agent.
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

/** What else is among the lines is passed over, such as one that was cut off. */
export const readJournal = (lines: readonly string[]): ExportLine[] =>
  lines.flatMap((line) => parseExportLine(line) ?? []);
