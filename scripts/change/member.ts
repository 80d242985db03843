import type { Command } from "commander";
import { z } from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { hostKeySchema } from "../../infra/config/host-key.ts";
import { addressSchema } from "../../infra/config/hosts.ts";
import { fingerprintOf } from "../../infra/model/host-key.ts";
import { ensureStack } from "../engine/engine.ts";
import { openHosts } from "../engine/hosts.ts";
import { runRecord, runSteps } from "../engine/run-record.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { openLooker } from "../inspect/look/look.ts";
import { confirm, requireTerminal } from "../lib/confirm.ts";
import { interruptibleWithin } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import { gatherFacts } from "./member/facts.ts";
import { planReplace, type ReplacePlan, type StepName, stepNames } from "./member/plan.ts";
import { takeStep } from "./member/steps.ts";
import type { EngineContext } from "./restore/engine.ts";
import { type FlowResult, untilFlows } from "./restore/flow.ts";

interface Flags extends RunbookFlags {
  readonly address?: string;
  readonly hostKey?: string;
  readonly evenIfItAnswers?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly wait: number;
  readonly timeout: number;
}

const waitSeconds = 300;
const timeoutSeconds = 1800;

/** `./warren member replace HOST -s STACK`: a dead host's place is taken by a new one. */
export function define(command: Command): void {
  const replace = command.command("replace <host>").description("a dead host replaced by a bare one of the same name");
  runbookOptions(replace)
    .option("--address <address>", "of the new host, where it has another one")
    .option("--host-key <key>", "the new host's public key, compared on its console")
    .option("--even-if-it-answers", "the old host answers still: its units are stopped first")
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .option("--dry-run", "show the plan, and end")
    .option("--wait <seconds>", "for all to be whole again after `up`", seconds, waitSeconds)
    .option("--timeout <seconds>", "give up after that; the same command goes on", seconds, timeoutSeconds)
    .addHelpText(
      "after",
      `
The new host is a fresh Debian with ssh and the stack's login key. The others have to be whole, and able to go on without the dead one. Then: its key
(and address) go into the stack file, the others forget the dead member, another dispatcher's journal goes to the new host, \`up\` builds it, and all is
waited for until it is whole. What was on the dead host alone is said. Broken off in whatever way, the same command goes on where it was.
--json: {stack, host, seconds, took, lost, notes, flow}
Exit codes: 0 replaced, and verify finds nothing, 1 could not be done, 2 replaced, and something is broken, which is said; 130 Ctrl-C.

  ./warren member replace bunny1 -s op --dry-run
  ./warren member replace bunny1 -s op --host-key "ssh-ed25519 AAAA…"
  ./warren member replace pds-3 -s op --address 142.135.12.58`,
    )
    .action(replaceMember);
}

function readAs(option: string, schema: z.ZodType<string>, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const read = schema.safeParse(text);
  if (read.success) return read.data;
  throw new UserError(option, `${read.error.issues[0]?.message ?? "another text"} is expected, got ${text}`);
}

const progressSchema = z.object({
  host: z.string(),
  startedAt: z.string(),
  steps: z.array(z.enum(stepNames)),
  done: z.array(z.enum(stepNames)),
  /** What was lost with the dead host: nobody can tell any more once it is replaced. */
  lost: z.array(z.string()),
});

const say = (text: string): void => void process.stderr.write(`warren: ${text}\n`);
const goesOn = "the same command goes on where it was";

async function replaceMember(host: string, given: Flags): Promise<void> {
  const address = readAs("--address", addressSchema, given.address);
  const hostKey = readAs("--host-key", hostKeySchema, given.hostKey);
  const flags: Flags = { ...given, ...(address ? { address } : {}), ...(hostKey ? { hostKey } : {}) };
  const stack = stackOf(flags, "member replace");
  requireTerminal("member replace", flags.yes || flags.dryRun);
  const texts = {
    second: () => `left as it is; ${goesOn}`,
    brokenOff: `broken off; ${goesOn}`,
    late: { remedy: goesOn },
  };
  await interruptibleWithin({ verb: "member replace", timeoutSeconds: flags.timeout, ...texts }, async (signal) => {
    const run = () => replaceIn(stack, host, flags, signal);
    await (flags.dryRun ? run() : withStackLock({ stack, verb: "member replace", say }, run));
  });
}

async function replaceIn(stack: string, host: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const beganMs = performance.now();
  const kept = runRecord("member-replace", stack, progressSchema);
  const before = await kept.read();
  if (before && before.host !== host) {
    const remedy = `go on with that one: ./warren member replace ${before.host} -s ${stack}; or remove ${kept.file}`;
    throw new UserError("member replace", `the replacement of ${before.host} was broken off`, remedy);
  }
  const config = readCommittedConfig(stack);
  const toolchain = await ensureToolchain({ signal });
  const engine: EngineContext = {
    stack,
    toolchain,
    signal,
    say,
    quiet: flags.json === true,
    remedy: `mend it; ${goesOn}`,
  };
  if (!flags.dryRun) await freeEngine(engine);
  await ensureStack(stack, { toolchain });
  const looker = await openLooker(stack);
  const reach = await openHosts(stack, config);
  const facts = await gatherFacts(
    { stack, host, config, looker, reach },
    { address: flags.address, isResumed: before !== undefined },
  ).finally(() => looker.close());
  const plan = planReplace(facts, {
    hostKey: flags.hostKey,
    evenIfItAnswers: flags.evenIfItAnswers === true,
    cannotAsk: flags.yes === true,
    isResumed: before !== undefined,
  });
  const steps = before?.steps ?? plan.steps;
  const begun = before ?? {
    host,
    steps: [...steps],
    done: [],
    startedAt: new Date().toISOString(),
    lost: [...plan.lost],
  };
  showPlan(host, plan, begun.lost, before);
  if (flags.dryRun && flags.json) process.stdout.write(toJson(plan));
  const [refusal] = plan.refusals;
  if (refusal) throw new UserError(host, refusal.what, refusal.remedy);
  if (flags.dryRun) return;
  const key = plan.asksForKey && plan.pin ? `, whose key is ${fingerprintOf(plan.pin.key)} on its console too,` : "";
  await confirm({ verb: "member replace", text: `replace ${host}${key} so`, yes: flags.yes });

  const notes: string[] = [];
  const took: Partial<Record<StepName, number>> = {};
  const replacement = { facts, plan, engine, signal, say, wholeWithinMs: flags.wait * 1000 };
  await runSteps(kept, begun, begun.steps, async (step) => {
    signal.throwIfAborted();
    const startMs = performance.now();
    notes.push(...(await takeStep(step, replacement)));
    took[step] = (performance.now() - startMs) / 1000;
  });
  const flow = await untilFlows(stack, signal);
  if (flow.broken) process.exitCode = exitFindings;
  const result = { stack, host, seconds: (performance.now() - beganMs) / 1000, took, lost: begun.lost, notes, flow };
  process.stdout.write(flags.json ? toJson(result) : formatResult(result));
}

function showPlan(
  host: string,
  { lines }: ReplacePlan,
  lost: readonly string[],
  before: z.infer<typeof progressSchema> | undefined,
): void {
  const resumed = before
    ? [`the replacement that began ${before.startedAt} goes on; done: ${before.done.join(", ") || "nothing yet"}`]
    : [];
  const text = [
    `${host} is replaced by a new host:`,
    ...lines.map((line) => `  ${line}`),
    ...lostLines(lost),
    ...resumed,
  ];
  process.stderr.write(`${text.join("\n")}\n\n`);
}

const lostLines = (lost: readonly string[]): string[] =>
  lost.length === 0 ? [] : ["lost with the dead host:", ...lost.map((line) => `  ${line}`)];

interface Result {
  readonly host: string;
  readonly seconds: number;
  readonly took: Partial<Record<StepName, number>>;
  readonly lost: readonly string[];
  readonly notes: readonly string[];
  readonly flow: FlowResult;
}

function formatResult({ host, seconds: total, took, lost, notes, flow }: Result): string {
  const parts = Object.entries(took).map(([step, time]) => `${step} ${time.toFixed(1)} s`);
  const { broken } = flow;
  return [
    ...lostLines(lost),
    ...notes,
    ...(broken
      ? [`✗ ${broken.host}, ${broken.step}: ${broken.evidence}`, `  remedy: ${broken.remedy}`]
      : ["verify: no broken link"]),
    `${host} is replaced: ${total.toFixed(1)} s (${parts.join(", ")})`,
    "",
  ].join("\n");
}
