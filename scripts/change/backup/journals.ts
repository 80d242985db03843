import { quote } from "../../../infra/commands/command.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import type { Unreachable } from "../../../infra/hosts/ask.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { transfer } from "../../../infra/hosts/ssh.ts";
import { stateFolderOf } from "../../../infra/model/agent-part.ts";

/** Systemd's state folder of the dispatcher, and the journal in it, as named in `agents/dispatcher/dispatcher.ts`. */
const stateFolder = stateFolderOf("dispatcher");
const journal = `${stateFolder}/journal`;
const unit = "warren-dispatcher.service";

/** The journal of a large deduplication window has some hundred megabytes. */
const transferTimeoutMs = 300_000;
const askTimeoutMs = 15_000;
/** The host stops before the local timeout. */
const fetchSeconds = transferTimeoutMs / 1000 - 10;

const exitNoJournal = 66;

/**
 * Prints the journal's folder as a tar archive while the dispatcher runs. Its files are only appended to, and readers skip a half-written record at the
 * end of a file; tar's exit code 1 reports such a file. The script reads as the owner of the state folder, who could put a link there at any time; tar
 * itself follows no links and opens only regular files.
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

/** Runs lines as the owner of the state folder, whom the script has looked up, in a folder that the owner may enter. */
const asOwner = (lines: readonly string[]): string =>
  `runuser -u "$owner" -- sh -c ${quote(["cd /", ...lines].join("\n"))}`;

/** @returns the archive, or the reason why there is none */
export async function fetchJournal(reach: Hosts, host: string, signal: AbortSignal): Promise<Buffer | { why: string }> {
  const connection = reach.connectionTo(host);
  const { exitCode, stdout, why } = await transfer(connection, fetchScript(), { timeoutMs: transferTimeoutMs, signal });
  if (exitCode === 0) return stdout;
  return { why: exitCode === exitNoJournal ? "has no journal, because its dispatcher has never run" : why };
}

export interface PutOptions {
  /** The dispatcher runs: it is stopped before its journal is put in place, and started again afterwards. */
  readonly isRunning: boolean;
  readonly folder?: string;
}

/**
 * Puts a journal where there is none, atomically. Everything in the state folder is done as its owner, who could swap names there. On a bare host the
 * journal belongs to root until the dispatcher's first start, when systemd changes its owner to the dispatcher's user.
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
    // Replaces an empty folder, and fails if the folder has a journal in it.
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

/** @throws Error with the host's error message */
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

/** What a restore needs to know about a host. */
export interface HostState {
  /** Warren has installed nothing on it: it was never provisioned, or was reinstalled. */
  readonly isBare: boolean;
  /** Its state in systemd; `inactive` if there is no such unit. */
  readonly dispatcher: string;
  readonly journalFiles: number;
}

const hostStateQuestion = (): string =>
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
