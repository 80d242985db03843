import { UserError } from "../../agents/lib/errors.ts";
import { always, type Command, quote, render, run } from "../commands/command.ts";
import { section } from "../commands/sections.ts";
import { answerText } from "./ask.ts";
import type { Hosts } from "./connect.ts";
import { shellOf } from "./shell.ts";
import { noSsh, whyNoAnswer } from "./ssh.ts";

/** What is done on one host. */
export interface HostAction {
  readonly host: string;
  /** For the person who waits, e.g. `restarts rabbitmq-server`. */
  readonly title: string;
  readonly command: Command;
  readonly timeoutSeconds: number;
}

/** @param timeoutSeconds after which the host itself ends it */
export const actionOn = (host: string, title: string, command: Command, timeoutSeconds: number): HostAction => ({
  ...{ host, title, command, timeoutSeconds },
});

/** What became of it; `why` in the words of the host. */
export type ActionOutcome = { readonly output: string } | { readonly why: string };

/** Beyond the time of the command itself: ssh, and a command that has to be killed. */
const connectMs = 30_000;

/**
 * Does it as root, and waits for its end. The command ends by its own time on the host, whatever becomes of this side: one that is broken off here is
 * finished there. A terminal's Ctrl-C doesn't reach ssh: what was begun gets to its end, and is heard of.
 */
export async function act(hosts: Hosts, { host, command, timeoutSeconds }: HostAction): Promise<ActionOutcome> {
  const timeoutMs = timeoutSeconds * 1000 + connectMs;
  const host$ = shellOf(hosts.connectionTo(host), timeoutMs);
  const said = await host$`${actionScript(command, timeoutSeconds)}`;
  const ended = parseAction(answerText(said.stdout));
  if (ended) return outcomeOf(ended, timeoutSeconds);
  if (said.cause instanceof Error && "code" in said.cause && said.cause.code === "ENOENT") throw noSsh();
  const { signal, stderr, exitCode } = said;
  return { why: whyNoAnswer({ timedOut: signal === "SIGTERM", timeoutMs, stderr, exitCode }) };
}

/** Does it where nothing goes on without it. @returns what the host says @throws UserError with the host's words where it can't be done */
export async function mustAct(hosts: Hosts, action: HostAction): Promise<string> {
  const outcome = await act(hosts, action);
  if ("output" in outcome) return outcome.output;
  throw new UserError(action.host, `${action.title}: ${outcome.why}`, "mend it; the same command goes on");
}

/**
 * Does what takes a secret that nobody is to keep on the host. The secret stands in the script, which comes by standard input and which nobody logs;
 * `printf` is the shell's own, so that no process has it in its arguments.
 *
 * @param action `remove` takes off the host what `command` has put there, whatever became of it
 * @returns undefined where the host gives no whole answer
 */
export async function actSecretly(
  hosts: Hosts,
  action: Pick<HostAction, "host" | "command"> & { readonly remove: Command; readonly timeoutMs: number },
): Promise<EndedAction | undefined> {
  const script = tellingScript(action.command, action.remove);
  const answer = await hosts.ask(action.host, script, parseAction, action.timeoutMs);
  return "unreachable" in answer ? undefined : answer;
}

/** What it says, and last its exit code. A subshell of its own keeps it from ending the script that tells of it. */
export const actionScript = (command: Command, timeoutSeconds: number): string =>
  tellingScript(run("timeout", "--kill-after=5", String(timeoutSeconds), "sh", "-c", render(command)));

/** @param afterwards is done whatever became of the command, whose exit code is told all the same */
function tellingScript(command: Command, afterwards: Command = run("true")): string {
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

/** @returns undefined where the answer ends early */
export function parseAction(answer: string): EndedAction | undefined {
  const found = endOfAction.exec(answer);
  return found?.[2] === undefined ? undefined : { exitCode: Number(found[2]), output: (found[1] ?? "").trim() };
}

/** GNU timeout's own exit codes: for the time that is over, and for what had to be killed then. */
const timedOut = [124, 137];

function outcomeOf({ exitCode, output }: EndedAction, timeoutSeconds: number): ActionOutcome {
  if (exitCode === 0) return { output };
  const last = output.split("\n").slice(-linesTold).join("; ");
  if (timedOut.includes(exitCode)) return { why: `not done within ${timeoutSeconds} s${last ? `: ${last}` : ""}` };
  return { why: last || `exit code ${exitCode}` };
}

/** A unit that doesn't come up says the last lines of its journal; these are enough to know where to look. */
const linesTold = 8;
