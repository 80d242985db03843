import { quote } from "../../../infra/commands/command.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { transfer } from "../../../infra/hosts/ssh.ts";
import { stateFolderOf } from "../../../infra/model/agent-part.ts";

/** Systemd's state folder of the dispatcher, and the journal in it: `agents/dispatcher/dispatcher.ts` names it so. */
const stateFolder = stateFolderOf("dispatcher");
const journal = `${stateFolder}/journal`;
const unit = "warren-dispatcher.service";

/** A journal of a large window has some hundred megabytes. */
const transferTimeoutMs = 300_000;
const askTimeoutMs = 15_000;
/** Before this side gives up. */
const fetchSeconds = transferTimeoutMs / 1000 - 10;

const exitNoJournal = 66;

/**
 * The journal's folder as a tar archive, while the dispatcher goes on: its files are only appended to, and a record that was half written at the
 * end of one is passed over by who reads it. tar's exit code 1 says that this was so. It reads as the owner of the state folder, who could put a link
 * there at any time; tar itself follows none, and opens plain files alone.
 */
export function fetchScript(folder: string = stateFolder): string {
  const journalFolder = quote(`${folder}/journal`);
  const fetch = [
    `test -d ${journalFolder} && test ! -L ${journalFolder} || exit ${exitNoJournal}`,
    `tar --create --directory=${quote(folder)} --exclude=journal/lock journal 2>/dev/null || test $? -eq 1`,
  ];
  return [
    `owner=$(stat -c %U ${quote(folder)} 2>/dev/null) || exit ${exitNoJournal}`,
    `timeout ${fetchSeconds} ${asOwner(fetch)} </dev/null`,
    "",
  ].join("\n");
}

/** As the owner of the state folder, whom the script has looked up; from a folder that the owner may enter. */
const asOwner = (lines: readonly string[]): string =>
  `runuser -u "$owner" -- sh -c ${quote(["cd /", ...lines].join("\n"))}`;

/** @returns the archive, or why there is none */
export async function fetchJournal(reach: Hosts, host: string, signal: AbortSignal): Promise<Buffer | { why: string }> {
  const connection = reach.connectionTo(host);
  const { exitCode, stdout, why } = await transfer(connection, fetchScript(), { timeoutMs: transferTimeoutMs, signal });
  if (exitCode === 0) return stdout;
  return { why: exitCode === exitNoJournal ? "has no journal: its dispatcher has never run" : why };
}

export interface PutOptions {
  /** The dispatcher runs: it is stopped before its journal comes, and started again. */
  readonly isRunning: boolean;
  readonly folder?: string;
}

/**
 * Puts a journal where there is none, whole or not at all. In the state folder all is done as its owner, who could swap names there. On a bare host it
 * is root's until the dispatcher's first start, at which systemd gives all in it to the dispatcher's user.
 */
export function putScript({ isRunning, folder = stateFolder }: PutOptions): string {
  const [to, from] = [`${folder}/journal`, `${folder}/journal.arriving`].map(quote);
  const arrive = [
    "set -e",
    `rm -rf ${from}`,
    `mkdir -m 0750 ${from}`,
    `tar --extract --no-same-owner --directory=${from} --strip-components=1`,
    `sync --file-system ${from}`,
  ];
  const place = [
    "set -e",
    `rm -f ${to}/lock`,
    // Succeeds over an empty folder, and fails over one with a journal in it.
    `mv --no-target-directory ${from} ${to}`,
    `sync --file-system ${quote(folder)}`,
  ];
  return [
    "set -e",
    `mkdir -p ${quote(folder)}`,
    `owner=$(stat -c %U ${quote(folder)})`,
    asOwner(arrive),
    ...(isRunning ? [`systemctl stop ${unit}`] : []),
    asOwner(place),
    ...(isRunning ? [`systemctl start --no-block ${unit}`] : []),
  ].join("\n");
}

/** @throws Error with what the host said */
export async function putJournal(
  reach: Hosts,
  host: string,
  input: Buffer,
  { signal, ...options }: PutOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const bounds = { input, timeoutMs: transferTimeoutMs, signal };
  const { exitCode, why } = await transfer(reach.connectionTo(host), putScript(options), bounds);
  if (exitCode !== 0) throw new Error(why);
}

/** What a restore needs to know of a host. */
export interface HostState {
  /** Nothing of warren's is on it: it was never provisioned, or installed anew. */
  readonly isBare: boolean;
  /** As systemd says it; `inactive` where there is no such unit. */
  readonly dispatcher: string;
  readonly journalFiles: number;
}

export const hostStateQuestion = (): string =>
  [
    "export LC_ALL=C",
    `echo ${quote(section("traces"))}`,
    "ls -d /etc/warren /opt/warren /etc/rabbitmq 2>/dev/null",
    `echo ${quote(section("dispatcher"))}`,
    `systemctl is-active ${unit}`,
    `echo ${quote(section("journal"))}`,
    `find ${journal} -maxdepth 1 -name '*.journal' -type f -size +16c -printf '%i\\n' 2>/dev/null`,
    `echo; echo ${quote(section("end"))}`,
    "",
  ].join("\n");

export function parseHostState(answer: string): HostState | undefined {
  const sections = readSections(answer);
  const lines = (name: string) => sections?.get(name)?.filter((line) => line !== "") ?? [];
  if (!sections) return undefined;
  return {
    isBare: lines("traces").length === 0,
    dispatcher: lines("dispatcher")[0] ?? "inactive",
    journalFiles: lines("journal").length,
  };
}

export const askHostState = (reach: Hosts, host: string): Promise<HostState | Unreachable> =>
  reach.ask(host, hostStateQuestion(), parseHostState, askTimeoutMs);
