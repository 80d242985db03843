import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { traitsOf } from "../../infra/config/series.ts";
import { openHosts } from "../engine/hosts.ts";
import { readCommittedConfig } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { type Evidence, holdersOf } from "../inspect/look/evidence.ts";
import { type Looker, openLooker } from "../inspect/look/look.ts";
import { verify } from "../inspect/verify/judge.ts";
import { awaitNoLack, describeLack, findingWithinMs, type Lack, lackOf, lackWithout } from "../inspect/wholeness.ts";
import { confirm } from "../lib/confirm.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import { formatColumns } from "../lib/table.ts";
import { type DrillKind, drillKinds } from "./drill/kinds.ts";
import { drillLogFile, formatDrills, logDrill, readDrills } from "./drill/log.ts";
import { type Broken, brokenOf, brokenSince, type DrillReport, formatDrill, formatPlan } from "./drill/report.ts";
import { runDrill } from "./drill/run.ts";

interface Flags extends RunbookFlags {
  readonly host?: string;
  readonly hold: number;
  readonly wait: number;
  readonly yes?: true;
  readonly report?: true;
}

const holdSeconds = 10;
const waitSeconds = 120;

/** `./warren drill KIND -s STACK`: one thing broken on purpose and mended, measured. */
export function define(command: Command): void {
  runbookOptions(command)
    .argument("[kind]", `what is broken: ${drillKinds.map(({ name }) => name).join(", ")}`, kindOf, drillKinds[0])
    .option("--host <host>", "the host that it is done to; the plan shows which one unless given")
    .option("--hold <seconds>", "for which it stays broken", seconds, holdSeconds)
    .option("--wait <seconds>", "for others to take over, and for all to be whole again", seconds, waitSeconds)
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .option("--report", "the drills that this checkout has made of the stack, and end")
    .addHelpText(
      "after",
      `
${formatColumns([["drill", "the host", "expected"], ...drillKinds.map(({ name, does, expectation }) => [name, does, expectation])], "  ")}

Refused on a system that is not whole. Products go on all the time. What pause there was is told by the dispatchers' journals: the longest time
between two products sent on, beside the longest of the minute before; when the address left and came, by each host's clock. What became of each
product that was announced meanwhile is told by the journals of radar servers and pullers. verify is asked before and after.
Nothing stays broken: Ctrl-C mends it at once, and the host does so itself, should this machine die meanwhile.
Each drill is kept, with its date, in .warren/drills of this checkout; --report shows them.
--json: {kind, host, ok, phases: [{what, from, to, products, pauseMs?, usualMs?, leftMs?, heldMs?, firstDecisionMs?}],
account?: {announced, lost, repeated}, brokenOff, trouble, before, after}
Exit codes: 0 broken and whole again, nothing lost or repeated, 1 it did not come so, 2 something is wrong before, and nothing was done, or a link is
broken that was not before, or the stack file is wrong; 130 ended by Ctrl-C, all mended.

  ./warren drill -s op                           the virtual IP to the other host and back
  ./warren drill broker -s op                    kill -9 of the broker that has it
  ./warren drill pds --host pds-3 -s op --hold 60 --yes --json
  ./warren drill -s op --report`,
    )
    .action(runVerb);
}

function kindOf(text: string): DrillKind {
  const kind = drillKinds.find(({ name }) => name === text);
  if (kind) return kind;
  throw new InvalidArgumentError(`one of ${drillKinds.map(({ name }) => name).join(", ")} is expected.`);
}

async function runVerb(kind: DrillKind, flags: Flags): Promise<void> {
  const stack = stackOf(flags, "drill");
  if (flags.report) return report(stack, flags);
  const config = readCommittedConfig(stack);
  const broker = config.brokers[config.announcements.broker];
  const looker = await openLooker(stack);
  try {
    const { chain } = looker;
    if (!chain.vip || chain.members.length < 2) {
      const remedy = "there is nothing to drill";
      throw new UserError(`stack ${stack}`, "has no virtual IP that could move to another host", remedy);
    }
    if (kind.name === "partition" && !broker?.firewall) {
      throw new UserError(
        "drill partition",
        "the members have no nftables",
        "`firewall: true` of the broker brings them",
      );
    }
    const replication = traitsOf(broker?.series ?? "3.10").replication;
    const reach = await openHosts(stack, config);
    const { evidence, holder, before, lack } = await lookBefore(looker, kind);
    if (lack || holder === undefined) return refuse(flags, { kind: kind.name, host: flags.host ?? "", before }, lack);
    const host = targetOf(kind, evidence, flags.host);
    const stuck = kind.takesMember ? lackWithout(evidence, host, replication) : undefined;
    if (stuck) return refuse(flags, { kind: kind.name, host, before }, stuck);
    process.stderr.write(formatPlan(kind, host, flags.hold * 1000));
    await confirm({ verb: "drill", text: `do so to ${host} of ${stack}`, yes: flags.yes });
    const say = (text: string) => void process.stderr.write(`${text}\n`);
    let heal: (() => Promise<unknown>) | undefined;
    const byHand = kind.healByHand(chain, host);
    await interruptibleTwice(
      {
        verb: "drill",
        first: `mending ${host}; once more ends without waiting for it`,
        second: () =>
          heal
            ? `ending as soon as ${host} was told; it mends itself in any case. By hand: ${byHand}`
            : "ending; all is mended",
        heal: () => heal,
      },
      async (signal) => {
        const limits = { holdMs: flags.hold * 1000, movesWithinMs: flags.wait * 1000 };
        const onStruck = (healing: typeof heal) => {
          heal = healing;
        };
        const result = await withStackLock({ stack, verb: "drill", say }, () =>
          runDrill({ kind, looker, reach, host, holder, ...limits, signal, onStruck, say }),
        );
        const after = await verifyAfter(looker, before);
        const ok = result.trouble.length === 0 && brokenSince(before, after).length === 0;
        await tell(stack, flags, { kind: kind.name, host, ok, ...result, before, after }, kind.pauseWantedMs);
      },
    );
  } finally {
    looker.close();
  }
}

async function report(stack: string, { json }: Flags): Promise<void> {
  const drills = await readDrills(stack);
  if (json) process.stdout.write(toJson(drills));
  else
    process.stdout.write(drills.length > 0 ? formatDrills(drills) : `no drill of ${stack} in ${drillLogFile(stack)}\n`);
}

/** @throws UserError where the host is none that it can be done to, or there are too few of such hosts */
function targetOf(kind: DrillKind, evidence: Evidence, wanted: string | undefined): string {
  const targets = kind.targets(evidence);
  const [first] = targets;
  if (first === undefined || targets.length < kind.hostsLeast) {
    const found = targets.length > 0 ? targets.join(", ") : "none";
    throw new UserError(`drill ${kind.name}`, `takes ${kind.hostsLeast} such hosts, found ${found}`, "another kind");
  }
  if (wanted === undefined || targets.includes(wanted)) return wanted ?? first;
  throw new UserError(`drill ${kind.name}`, `can't be done to ${wanted}`, `one of ${targets.join(", ")}`);
}

interface Before {
  readonly evidence: Evidence;
  /** What is wrong that a drill would make worse. */
  readonly lack: Lack | undefined;
  readonly holder: string | undefined;
  /** What `verify` finds in the same look. */
  readonly before: readonly Broken[];
}

async function lookBefore(looker: Looker, kind: DrillKind): Promise<Before> {
  let evidence: Evidence | undefined;
  const look = async () => {
    evidence = await looker.look(wholeLook);
    return evidence;
  };
  const judge = (seen: Evidence) => lackOf(seen, { hosts: kind.needs(looker.chain) });
  const lack = await awaitNoLack(look, judge, { withinMs: findingWithinMs, onLack: () => {} });
  if (!evidence) throw new TypeError("nothing was looked at");
  return { evidence, lack, holder: holdersOf(evidence)[0], before: brokenIn(evidence) };
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

function refuse({ json }: Flags, about: Pick<DrillReport, "kind" | "host" | "before">, lack: Lack | undefined): void {
  process.exitCode = exitFindings;
  const found = lack ? `✗ ${describeLack(lack)}\n  remedy: ${lack.remedy}\n` : "";
  process.stderr.write(`${found}nothing was done: mend this first\n`);
  const refused: DrillReport = { ...about, ok: false, phases: [], brokenOff: false, trouble: [], after: [] };
  if (json) process.stdout.write(toJson(refused));
}

async function tell(stack: string, { json }: Flags, report: DrillReport, wantedMs?: number): Promise<void> {
  process.stdout.write(json ? toJson(report) : formatDrill(report, wantedMs));
  if (report.trouble.length > 0) process.exitCode = 1;
  else if (!report.ok) process.exitCode = exitFindings;
  await logDrill(stack, report).catch((cause: Error) => {
    const remedy = "what is shown above is not kept; make room there";
    throw new UserError(drillLogFile(stack), `can't be written: ${cause.message}`, remedy, { cause });
  });
}
