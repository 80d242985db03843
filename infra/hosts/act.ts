import { UserError } from "../../agents/lib/errors.ts";
import { always, type Command, quote, render, run } from "../commands/command.ts";
import { section } from "../commands/sections.ts";
import { answerText } from "./ask.ts";
import type { Hosts } from "./connect.ts";
import { shellOf } from "./shell.ts";
import { noSsh, whyNoAnswer } from "./ssh.ts";

/** A command for one host. */
export interface HostAction {
  readonly host: string;
  /** Shown while it runs, e.g. `restarts rabbitmq-server`. */
  readonly title: string;
  readonly command: Command;
  readonly timeoutSeconds: number;
}

/** @param timeoutSeconds after which the host itself stops the command */
export const actionOn = (host: string, title: string, command: Command, timeoutSeconds: number): HostAction => ({
  ...{ host, title, command, timeoutSeconds },
});

/** Output of a successful action, or the reason of its failure as the host reports it. */
export type ActionOutcome = { readonly output: string } | { readonly why: string };

/** In addition to the command's own timeout: time to connect, and to kill a command that hangs. */
const connectMs = 30_000;

/**
 * Runs an action as root and waits for its end. The command has its own timeout on the host, independent of this process: if this process is
 * interrupted, the command still finishes there. A terminal's Ctrl-C doesn't reach ssh, so a started action completes and its result is read.
 */
export async function act(hosts: Hosts, { host, command, timeoutSeconds }: HostAction): Promise<ActionOutcome> {
  const timeoutMs = timeoutSeconds * 1000 + connectMs;
  const host$ = shellOf(hosts.connectionTo(host), timeoutMs);
  const result = await host$`${actionScript(command, timeoutSeconds)}`;
  const ended = parseAction(answerText(result.stdout));
  if (ended) return outcomeOf(ended, timeoutSeconds);
  if (result.cause instanceof Error && "code" in result.cause && result.cause.code === "ENOENT") throw noSsh();
  const { signal, stderr, exitCode } = result;
  return { why: whyNoAnswer({ timedOut: signal === "SIGTERM", timeoutMs, stderr, exitCode }) };
}

/** `act` for an action that must succeed. @returns its output @throws UserError with the host's message if it fails */
export async function mustAct(hosts: Hosts, action: HostAction): Promise<string> {
  const outcome = await act(hosts, action);
  if ("output" in outcome) return outcome.output;
  throw new UserError(
    action.host,
    `${action.title}: ${outcome.why}`,
    "fix the cause, then run the same command again to continue",
  );
}

/**
 * Runs a command with a secret that must not stay on the host. The secret is in the script, which goes by standard input and is never logged.
 * `printf` is a shell builtin, so the secret is in no process's arguments.
 *
 * @param action `remove` deletes from the host whatever `command` has put there, whether it succeeds or not
 * @returns undefined if the host gives no complete answer
 */
export async function actSecretly(
  hosts: Hosts,
  action: Pick<HostAction, "host" | "command"> & { readonly remove: Command; readonly timeoutMs: number },
): Promise<EndedAction | undefined> {
  const script = reportingScript(action.command, action.remove);
  const answer = await hosts.ask(action.host, script, parseAction, action.timeoutMs);
  return "unreachable" in answer ? undefined : answer;
}

/** Prints the command's output, then its exit code. The command runs in its own shell, so it can't exit from this script. */
export const actionScript = (command: Command, timeoutSeconds: number): string =>
  reportingScript(run("timeout", "--kill-after=5", String(timeoutSeconds), "sh", "-c", render(command)));

/** @param afterwards runs whatever the command's outcome; the reported exit code is still the command's */
function reportingScript(command: Command, afterwards: Command = run("true")): string {
  return [
    "export LC_ALL=C",
    `{ ${render(always(command))}; } </dev/null 2>&1`,
    "status=$?",
    render(afterwards),
    `echo; echo ${quote(section("exit"))}`,
    "echo $status",
    "",
  ].join("\n");
}

export interface EndedAction {
  readonly exitCode: number;
  readonly output: string;
}

const endOfAction = new RegExp(`^([\\s\\S]*?)\\n?${section("exit")}\\n(\\d+)\\s*$`);

/** @returns undefined if the answer is truncated */
export function parseAction(answer: string): EndedAction | undefined {
  const found = endOfAction.exec(answer);
  return found?.[2] === undefined ? undefined : { exitCode: Number(found[2]), output: (found[1] ?? "").trim() };
}

/** Exit codes of GNU timeout: time limit reached, and command killed afterwards. */
const timedOut = [124, 137];

function outcomeOf({ exitCode, output }: EndedAction, timeoutSeconds: number): ActionOutcome {
  if (exitCode === 0) return { output };
  const last = output.split("\n").slice(-linesShown).join("; ");
  if (timedOut.includes(exitCode)) return { why: `not done within ${timeoutSeconds} s${last ? `: ${last}` : ""}` };
  return { why: last || `exit code ${exitCode}` };
}

/** A unit that fails to start prints its last journal lines; this many are enough to see the cause. */
const linesShown = 8;
