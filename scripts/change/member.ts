import { UserError } from "../../agents/lib/errors.ts";
import { fingerprintOf } from "../../infra/model/host-key.ts";
import { ensureStack } from "../engine/engine.ts";
import { runRecord, runSteps, secondsOf } from "../engine/run-record.ts";
import { exitFindings } from "../lib/options.ts";
import { type MemberFlags, memberBook, readPlace } from "./member/book.ts";
import { gatherFacts } from "./member/facts.ts";
import { planReplace, progressSchema, type StepName } from "./member/plan.ts";
import { formatPlan, formatResult } from "./member/report.ts";
import { bringJournal, forget, pin, standDown, untilHealthy } from "./member/steps.ts";
import { up } from "./restore/engine.ts";
import { untilFlows } from "./restore/flow.ts";
import { openEngine, runbook } from "./runbook.ts";

/** `./warren member replace HOST -s STACK`: replaces a dead host with a new one. */
export const { define } = runbook<MemberFlags, [string]>(memberBook, async (run) => {
  const { stack, flags, signal, say } = run;
  const [host] = run.words;
  const beganMs = performance.now();
  const { address, hostKey } = readPlace(flags);
  const kept = runRecord("member-replace", stack, progressSchema);
  const before = await kept.read();
  if (before && before.host !== host) {
    const remedy = `continue it with ./warren member replace ${before.host} -s ${stack}, or delete ${kept.file}`;
    throw new UserError("member replace", `an earlier replacement, of ${before.host}, was interrupted`, remedy);
  }
  const engine = await openEngine(run);
  await ensureStack(stack, engine);
  const isResumed = before !== undefined;
  const facts = await gatherFacts(stack, host, { address, isResumed });
  const options = {
    hostKey,
    evenIfItAnswers: flags.evenIfItAnswers === true,
    cannotAsk: flags.yes === true,
    isResumed,
  };
  const plan = planReplace(facts, options);
  const startedAt = new Date().toISOString();
  const begun = before ?? { host, steps: [...plan.steps], done: [], startedAt, lost: [...plan.lost] };
  const [refusal] = plan.refusals;
  const key =
    plan.asksForKey && plan.pin
      ? ` and trust the key ${fingerprintOf(plan.pin.key)}, which you have compared on its console`
      : "";

  return {
    text: formatPlan(host, plan, begun.lost, before),
    json: plan,
    refusal: refusal && new UserError(host, refusal.what, refusal.remedy),
    touches: [host],
    pins: host,
    question: `replace ${host}${key}`,
    work: async () => {
      const replacement = { facts, plan, engine, signal, say, healthyWithinMs: flags.wait * 1000 };
      const steps: Record<StepName, () => Promise<readonly string[]>> = {
        "stand-down": () => standDown(replacement),
        pin: () => pin(replacement),
        forget: () => forget(replacement),
        journal: () => bringJournal(replacement),
        up: () => up(engine, "up"),
        whole: () => untilHealthy(replacement),
      };
      const notes: string[] = [];
      const results = await runSteps(kept, begun, begun.steps, async (step) => {
        signal.throwIfAborted();
        notes.push(...(await steps[step]()));
      });
      const [flow, took] = [await untilFlows(stack, signal), secondsOf(results)];
      const seconds = (performance.now() - beganMs) / 1000;
      const json = { stack, host, seconds, took, lost: begun.lost, notes, flow };
      return { json, text: formatResult(json), exitCode: flow.broken ? exitFindings : 0 };
    },
  };
});
