import type { Command } from "commander";
import { UserError } from "../agents/lib/errors.ts";
import { type Broken, brokenOf, brokenSince, type DrillReport, formatDrill, formatPlan } from "./drill/report.ts";
import { runDrill } from "./drill/run.ts";
import { confirm } from "./lib/confirm.ts";
import { interruptibleTwice } from "./lib/interruption.ts";
import { readCommittedConfig } from "./lib/stack.ts";
import { withStackLock } from "./lib/stack-lock.ts";
import { letBackByHand } from "./lib/stand-back.ts";
import { awaitNoLack, type Lack, lackOf } from "./lib/wholeness.ts";
import type { Chain } from "./runbook/chain.ts";
import { type Evidence, holdersOf } from "./runbook/evidence.ts";
import { type Looker, openLooker } from "./runbook/look.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "./runbook/options.ts";
import { openReach } from "./runbook/reach.ts";
import { verify } from "./verify/judge.ts";

interface Flags extends RunbookFlags {
  readonly hold: number;
  readonly wait: number;
  readonly yes?: true;
}

const holdSeconds = 10;
const waitSeconds = 120;
/** A look that comes at a bad moment is no finding. */
const findingWithinMs = 20_000;

/** `./warren drill -s STACK`: a planned fail-over and back, measured. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--hold <seconds>", "for which the virtual IP stays on the other host", seconds, holdSeconds)
    .option("--wait <seconds>", "for each move to be over", seconds, waitSeconds)
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .addHelpText(
      "after",
      `
The host with the virtual IP gives it away, as an operator has it do by hand; after some seconds it takes it back. Products go on all the time, and
what pause there was is told by the dispatchers' journals: the longest time between two products sent on, beside the longest of the minute before;
when the address left and came, by each host's clock, and when the first product was decided. verify is asked before and after.
The address never stays away: Ctrl-C lets it back at once, and the host does so itself, should this machine die meanwhile.
--json: {ok, moves: [{from, to, products, pauseMs?, usualMs?, leftMs?, heldMs?, firstDecisionMs?}], trouble, before, after}
Exit codes: 0 moved and back, 1 a move did not end in time or could not be done, 2 something is wrong before, and nothing was done, or a link is broken
that was not before, or the stack file is wrong; 130 ended by Ctrl-C, the address let back.

  ./warren drill -s op
  ./warren drill -s op --hold 60 --yes --json`,
    )
    .action(runVerb);
}

async function runVerb(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "drill");
  const config = readCommittedConfig(stack);
  const looker = await openLooker(stack);
  try {
    const { chain } = looker;
    if (!chain.vip || chain.members.length < 2) {
      throw new UserError(
        `stack ${stack}`,
        "has no virtual IP that could move to another host",
        "there is nothing to drill",
      );
    }
    const reach = await openReach(stack, config);
    const { lack, holder, before } = await lookBefore(looker);
    if (lack || holder === undefined) return refuse(flags, before, lack);
    const holdMs = flags.hold * 1000;
    const next = chain.members.find((host) => host !== holder) ?? "";
    process.stderr.write(formatPlan(chain, holder, next, holdMs));
    await confirm({ verb: "drill", text: `move the virtual IP of ${stack}`, yes: flags.yes });
    const say = (text: string) => void process.stderr.write(`${text}\n`);
    let heal: (() => Promise<unknown>) | undefined;
    await interruptibleTwice(
      {
        verb: "drill",
        first: "letting the virtual IP back; once more ends without waiting for it",
        second: () => endedText(chain, holder, heal !== undefined),
        heal: () => heal,
      },
      async (signal) => {
        const drill = { looker, reach, from: holder, holdMs, movesWithinMs: flags.wait * 1000, signal, say };
        const onMoved = (healing: typeof heal) => {
          heal = healing;
        };
        const result = await withStackLock({ stack, verb: "drill", say }, () => runDrill({ ...drill, onMoved }));
        const after = await verifyAfter(looker, before);
        const ok = result.trouble.length === 0 && brokenSince(before, after).length === 0;
        tell(flags, { ...result, before, after, ok });
      },
    );
  } finally {
    looker.close();
  }
}

const endedText = (chain: Chain, host: string, isAway: boolean): string =>
  isAway
    ? `ending as soon as ${host} was told; it lets the virtual IP back itself in any case. By hand: ${letBackByHand(chain, host)}`
    : "ending; the virtual IP is back";

interface Before {
  /** What is wrong that a drill would make worse. */
  readonly lack: Lack | undefined;
  readonly holder: string | undefined;
  /** What `verify` finds in the same look. */
  readonly before: readonly Broken[];
}

async function lookBefore(looker: Looker): Promise<Before> {
  let holder: string | undefined;
  let before: readonly Broken[] = [];
  const look = async () => {
    const evidence = await looker.look(wholeLook);
    holder = holdersOf(evidence)[0];
    before = brokenIn(evidence);
    return evidence;
  };
  const judge = (evidence: Evidence) => lackOf(evidence, { hosts: [] });
  const lack = await awaitNoLack(look, judge, { withinMs: findingWithinMs, onLack: () => {} });
  return { lack, holder, before };
}

const wholeLook = { withMetrics: false, withFetches: true };

const brokenIn = (evidence: Evidence): Broken[] =>
  brokenOf(verify(evidence, { productAgeSeconds: evidence.chain.silenceSeconds }));

async function verifyAfter(looker: Looker, before: readonly Broken[]): Promise<Broken[]> {
  const deadlineMs = performance.now() + findingWithinMs;
  for (;;) {
    const after = brokenIn(await looker.look(wholeLook));
    if (brokenSince(before, after).length === 0 || performance.now() > deadlineMs) return after;
  }
}

function refuse({ json }: Flags, before: readonly Broken[], lack: Lack | undefined): void {
  process.exitCode = exitFindings;
  const found = lack ? `✗ ${lack.host}, ${lack.step}: ${lack.evidence}\n  remedy: ${lack.remedy}\n` : "";
  process.stderr.write(`${found}nothing was moved: mend this first\n`);
  const report: DrillReport = { ok: false, moves: [], trouble: [], before, after: [] };
  if (json) process.stdout.write(toJson(report));
}

function tell({ json }: Flags, report: DrillReport): void {
  process.stdout.write(json ? toJson(report) : formatDrill(report));
  if (report.trouble.length > 0) process.exitCode = 1;
  else if (!report.ok) process.exitCode = exitFindings;
}
