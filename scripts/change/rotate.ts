import { Argument, type Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { runRecord } from "../engine/run-record.ts";
import { requireConfig } from "../engine/stack.ts";
import { readStackConfig } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { describeLack, findingWithinMs } from "../inspect/wholeness.ts";
import { confirm, requireTerminal } from "../lib/confirm.ts";
import { interruptibleWithin } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import { formatColumns } from "../lib/table.ts";
import { cookieRotation } from "./rotate/cookie.ts";
import { deliveryRotation } from "./rotate/delivery.ts";
import { passwordRotation } from "./rotate/password.ts";
import { type PhaseResult, type Rotation, type RotationRecord, rotationRecord, runPhases } from "./rotate/phase.ts";
import { sshRotation } from "./rotate/ssh.ts";
import { FormerStackFile } from "./rotate/stack-file.ts";
import { lackNow, type Subject } from "./rotate/subject.ts";
import { tlsRotation } from "./rotate/tls.ts";

interface Flags extends RunbookFlags {
  readonly wait: number;
  readonly timeout: number;
  readonly cutOff?: true;
  readonly dryRun?: true;
  readonly yes?: true;
}

const kinds = ["password", "cookie", "tls", "ssh", "delivery"] as const;
type Kind = (typeof kinds)[number];

const waitSeconds = 300;
const timeoutSecondsDefault = 3600;

/** `./warren rotate password USER|cookie|tls|ssh|delivery`: a new secret to its last reader, then the former one refused. */
export function define(command: Command): void {
  runbookOptions(command)
    .addArgument(new Argument("<what>", "of which a new one is made").choices(kinds))
    .argument("[user]", "of the brokers, for password")
    .option("--cut-off", "refuse a former password although clients are connected by it")
    .option("--wait <seconds>", "for all to be whole after a change", seconds, waitSeconds)
    .option("--timeout <seconds>", "give up after that; the same command goes on", seconds, timeoutSecondsDefault)
    .option("--dry-run", "show the plan, and end")
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .addHelpText(
      "after",
      `
password: of the agents' user (warren:announcements.user) nobody is refused meanwhile: its twin, e.g. feeder-b, gets a new password, agents go over to it
one by one, and then the former user's password is changed and seen to be refused. The next rotation goes back. Of another user: changed at once.
cookie: nodes that run take the new one without a restart. tls: the next CA and certificates, trusted before they are shown. ssh: a new key pair, let in by
all hosts before it takes the old one's place, which is then refused. delivery: key and password by which px delivers to the public data server; products
wait on px for the seconds in which one side alone has the new ones.
New secrets are random, and encrypted in the stack file. All has to be whole before, and is whole after each step. Broken off, in whatever way, the same
command goes on.
--json: {ok, what, phases: [{phase, outcome, seconds?, findings?}], findings, afterwards}
Exit codes: 0 done, 1 could not be done, 2 something is wrong before or half way, which is said, or the stack file is wrong; 130 Ctrl-C.

  ./warren rotate password feeder -s op --dry-run
  ./warren rotate password anonymous -s op
  ./warren rotate cookie -s op --yes
  ./warren rotate tls -s op
  ./warren rotate ssh -s op
  ./warren rotate delivery -s op`,
    )
    .action(rotate);
}

const say = (text: string): void => void process.stderr.write(`warren: ${text}\n`);

async function rotate(kind: Kind, user: string | undefined, flags: Flags): Promise<void> {
  const stack = stackOf(flags, "rotate");
  requireConfig(stack);
  const isAsked = !flags.dryRun;
  if (isAsked) requireTerminal("rotate", flags.yes);
  const texts = {
    second: () => "ended half way; the same command goes on",
    brokenOff: "broken off; the same command goes on where it was",
    late: { remedy: "the same command goes on where it was" },
  };
  await interruptibleWithin({ verb: "rotate", timeoutSeconds: flags.timeout, ...texts }, async (signal) => {
    const run = () => rotateSo({ kind, user, stack, flags, signal });
    await (isAsked ? withStackLock({ stack, verb: "rotate", say }, run) : run());
  });
}

interface Order {
  readonly kind: Kind;
  readonly user: string | undefined;
  readonly stack: string;
  readonly flags: Flags;
  readonly signal: AbortSignal;
}

async function rotateSo({ kind, user, stack, flags, signal }: Order): Promise<void> {
  const kept = runRecord("rotate", stack, rotationRecord);
  const former = new FormerStackFile(stack);
  const begun = await kept.read();
  const toolchain = await ensureToolchain({ signal });
  const engine = {
    stack,
    toolchain,
    signal,
    say,
    quiet: flags.json === true,
    remedy: "mend it; the same command goes on from here",
  };
  if (!flags.dryRun) await freeEngine(engine);
  const record: RotationRecord = begun ?? { startedAt: new Date().toISOString(), what: "", done: [] };
  const subject: Subject = {
    ...{ stack, engine, say, startedAt: record.startedAt },
    before: begun && (await former.isKept()) ? await former.read() : await readStackConfig(stack),
    wholeWithinMs: flags.wait * 1000,
  };
  const rotation = rotationOf(subject, kind, user, flags.cutOff === true);
  if (begun && begun.what !== rotation.what) {
    const remedy = `go on with that one first: ./warren rotate ${begun.what} -s ${stack}`;
    throw new UserError(
      `stack ${stack}`,
      `a rotation of ${begun.what}, begun ${begun.startedAt}, was broken off`,
      remedy,
    );
  }
  showPlan(rotation, begun);
  // Half way, something may be lacking that is about to be brought.
  const lack = begun ? undefined : await lackNow(subject, findingWithinMs);
  if (lack) process.stderr.write(`✗ ${describeLack(lack)}\n  remedy: ${lack.remedy}\n`);
  if (lack || flags.dryRun) return tell(flags, rotation, [], lack ? [describeLack(lack)] : []);
  await confirm({ verb: "rotate", text: `rotate ${rotation.what} of ${stack}`, yes: flags.yes });
  if (!begun) await former.keep();
  const results = await runPhases(rotation, kept, { ...record, what: rotation.what }, ({ name, where, what }) =>
    say(`${name}: ${where}: ${what}`),
  );
  const findings = results.flatMap((result) => result.findings ?? []);
  if (findings.length === 0) await former.remove();
  tell(flags, rotation, results, findings);
}

function rotationOf(subject: Subject, kind: Kind, user: string | undefined, cutOff: boolean): Rotation {
  if (kind !== "password" && user !== undefined) {
    throw new UserError(`rotate ${kind}`, `takes no user, got ${user}`, `./warren rotate ${kind} -s ${subject.stack}`);
  }
  if (kind === "cookie") return cookieRotation(subject);
  if (kind === "tls") return tlsRotation(subject);
  if (kind === "ssh") return sshRotation(subject);
  if (kind === "delivery") return deliveryRotation(subject);
  if (user !== undefined) return passwordRotation(subject, user, cutOff);
  throw new UserError(
    "rotate password",
    "whose is not said",
    `add the user, e.g. ${subject.before.announcements.user}, the agents' own`,
  );
}

function showPlan({ what, phases }: Rotation, begun: RotationRecord | undefined): void {
  if (begun) process.stderr.write(`goes on with the rotation of ${what} of ${begun.startedAt}\n`);
  const rows = phases.map((phase, index) => [
    ...[String(index + 1), phase.name, phase.where, phase.what, phase.meanwhile],
    begun?.done.includes(phase.name) ? "done" : "",
  ]);
  process.stderr.write(`${formatColumns([["", "step", "where", "what", "meanwhile", ""], ...rows], "  ")}\n\n`);
}

function tell(
  { json, dryRun }: Flags,
  { what, afterwards }: Rotation,
  phases: readonly PhaseResult[],
  findings: readonly string[],
): void {
  const ok = findings.length === 0;
  if (!ok) process.exitCode = exitFindings;
  if (json) return void process.stdout.write(toJson({ ok, what, phases, findings, afterwards }));
  const lines = ok && !dryRun ? [...afterwards, `${what}: rotated, and all is whole`] : [];
  const trouble = phases.length > 0 && !ok ? ["stopped; the same command goes on from here"] : [];
  const found = phases.length > 0 ? findings.map((text) => `✗ ${text}`) : [];
  process.stdout.write([...found, ...trouble, ...lines].map((line) => `${line}\n`).join(""));
}
