import { relative } from "node:path";
import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { seriesNames } from "../../infra/config/series.ts";
import { carrierOf } from "../../infra/model/dispatchers.ts";
import { ensureStack } from "../engine/engine.ts";
import { openHosts } from "../engine/hosts.ts";
import { readOperatorCa } from "../engine/operator-ca.ts";
import { checkout } from "../engine/places.ts";
import { runRecord } from "../engine/run-record.ts";
import { readStackConfig, stackConfigFile } from "../engine/stack-config.ts";
import { withStackLock } from "../engine/stack-lock.ts";
import { freeEngine } from "../engine/toolchain/engine-lock.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { confirm, requireTerminal } from "../lib/confirm.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { exitFindings, type RunbookFlags, runbookOptions, seconds, stackOf, toJson } from "../lib/options.ts";
import { findingsBefore } from "./upgrade/before.ts";
import { finish, finishRecord } from "./upgrade/finish.ts";
import type { Move } from "./upgrade/move.ts";
import { upgradePackagesOf } from "./upgrade/packages/run.ts";
import { type UpgradeRecord, upgradeRecord } from "./upgrade/record.ts";
import { formatMove, formatOutcome } from "./upgrade/report.ts";
import { openSide } from "./upgrade/side.ts";
import { stayingAt } from "./upgrade/stack-file.ts";
import { clientsDefinitions, runMove, upOr } from "./upgrade/steps.ts";

interface Flags extends RunbookFlags {
  readonly to?: string;
  readonly return?: true;
  readonly finish?: true;
  readonly wait: number;
  readonly dryRun?: true;
  readonly yes?: true;
}

const waitSecondsDefault = 300;

/** `./warren upgrade -s STACK`: packages within their series, in turn; `--to CLUSTER`: another series of RabbitMQ, by a second cluster beside the first one. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--to <cluster>", "the announcements go to this cluster, which stands beside in `announcements.beside`")
    .option("--return", "back to the cluster that they came from")
    .option("--finish", "the cluster beside is let go")
    .option("--wait <seconds>", "for queues to be empty, and for all to be whole", seconds, waitSecondsDefault)
    .option("--dry-run", "show the plan, and end")
    .option("-y, --yes", "don't ask; needed where there is no terminal to ask on")
    .addHelpText(
      "after",
      `
Without --to, --return and --finish: RabbitMQ, Erlang, keepalived and what else \`up\` installs go to the newest versions of the same series that each host's
archives have, one host at a time, gated and in the order of \`restart\`. All is fetched before the first host's turn. What other packages need is the host's
own business.

RabbitMQ 3.10 doesn't become 4.0 where it stands: a node of 4.0 doesn't start on its data. So a second cluster is named in the stack file, with hosts of
its own, the same virtual IP, lower priorities, and \`announcements: {broker: OLD, beside: NEW}\`. The command builds it, makes what clients have on the old
one, lets its dispatchers know all that went out, moves the virtual IP, carries over what is left in queues, and changes the stack file. No product is lost or
goes out twice. The old one stays warm until --finish; --return goes back in the same way.
Broken off in whatever way, the same command goes on where it was. Ctrl-C ends after the step that is under way.
--json: {ok, findings, notes, record, seconds, drained}; of packages {ok, refusals, finding, notes?, turns: [{host, packages: [{name, from, to}], units, outcome}]}
Exit codes: 0 done, or nothing to do, 1 stopped half way, 2 something is wrong before, and nothing was done, or afterwards, which is said; 130 Ctrl-C.

  ./warren upgrade -s op --dry-run
  ./warren upgrade -s op
  ./warren upgrade -s op --to heron --dry-run
  ./warren upgrade -s op --to heron
  ./warren upgrade -s op --return
  ./warren upgrade -s op --finish`,
    )
    .action(upgrade);
}

async function upgrade(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "upgrade");
  requireTerminal("upgrade", flags.yes || flags.dryRun);
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  await interruptibleTwice(
    {
      verb: "upgrade",
      first: "ending after this step; once more ends at once",
      second: () => "ended half way; the same command goes on",
    },
    async (signal) => {
      const run = () => upgradeStack(stack, flags, signal, say);
      await (flags.dryRun ? run() : withStackLock({ stack, verb: "upgrade", say }, run));
    },
  );
}

async function upgradeStack(
  stack: string,
  flags: Flags,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<void> {
  const toolchain = await ensureToolchain({ signal });
  if (!(flags.to || flags.return || flags.finish)) return packages(stack, flags, signal, say);
  // What was begun gets to its end: the engine, too.
  const engine = { stack, toolchain, signal: new AbortController().signal, say, quiet: flags.json === true };
  if (!flags.dryRun) await freeEngine(engine);
  await ensureStack(stack, { toolchain });
  const config = await readStackConfig(stack);
  const kept = runRecord("upgrade", stack, upgradeRecord);
  const before = await kept.read();
  const ca = await readOperatorCa(stack);
  if (flags.finish) {
    if (before) throw brokenOff(stack, before);
    return finish({
      stack,
      config,
      ca,
      file: stackConfigFile(stack),
      yes: flags.yes,
      dryRun: flags.dryRun,
      signal,
      say,
      kept: runRecord("upgrade-finish", stack, finishRecord),
      up: () => upOr(engine, `mend it; ./warren upgrade -s ${stack} --finish goes on`),
    });
  }
  const record = recordOf(stack, config, flags, before);
  const from = openSide({ stack, config }, record.from, ca, signal);
  const to = openSide({ stack, config }, record.to, ca, signal);
  try {
    const runner = carrierOf(config) === record.from ? from : to;
    const vip = config.virtualIps[config.brokers[record.from]?.virtualIp ?? ""]?.address;
    if (vip === undefined) throw new TypeError("no virtual IP");
    const reach = await openHosts(stack, config);
    const parts = { stack, config, from, to, runner, vip, reach, engine, ca, record, kept };
    await go({ ...parts, waitMs: flags.wait * 1000, signal, say }, flags, before);
  } finally {
    from.close();
    to.close();
  }
}

async function packages(stack: string, flags: Flags, signal: AbortSignal, say: (text: string) => void): Promise<void> {
  const move = await runRecord("upgrade", stack, upgradeRecord).read();
  if (move) throw brokenOff(stack, move);
  const { yes, dryRun, json, wait } = flags;
  const config = await readStackConfig(stack);
  await upgradePackagesOf({ stack, config, yes, dryRun, json, wholeWithinMs: wait * 1000, signal, say });
}

async function go(move: Move, flags: Flags, before: UpgradeRecord | undefined): Promise<void> {
  const { record, stack, say } = move;
  const isTranslated = record.isReturn || record.done.includes("definitions");
  const notes = [
    ...(isTranslated ? [] : (await clientsDefinitions(move)).notes),
    ...stayingAt(move.config, record.from),
  ];
  if (before) say(`goes on with the move of ${before.startedAt}`);
  process.stderr.write(formatMove(record, notes));
  const findings = before ? [] : await findingsBefore(move);
  for (const text of findings) process.stderr.write(`✗ ${text}\n`);
  if (findings.length > 0 || flags.dryRun) {
    if (findings.length > 0) process.exitCode = exitFindings;
    if (flags.json) process.stdout.write(toJson({ ok: findings.length === 0, findings, notes, record, seconds: {} }));
    return;
  }
  await confirm({
    verb: "upgrade",
    text: `move the announcements of ${stack} from ${record.from} to ${record.to}`,
    yes: flags.yes,
  });
  const outcome = await runMove(move);
  const ok = outcome.findings.length === 0;
  if (!ok) process.exitCode = exitFindings;
  process.stdout.write(flags.json ? toJson({ ok, notes, record, ...outcome }) : formatOutcome(stack, record, outcome));
}

/** The move that was broken off, or a new one. @throws UserError where this one can't be made */
function recordOf(stack: string, config: StackConfig, flags: Flags, before: UpgradeRecord | undefined): UpgradeRecord {
  if (before) {
    const isSame = before.isReturn ? flags.return === true : flags.to === before.to;
    if (isSame) return before;
    if (flags.return && before.done.includes("ledgers")) return turnedBack(before);
    throw brokenOff(stack, before);
  }
  const { broker, beside } = config.announcements;
  const to = flags.return ? beside : flags.to;
  if (to === broker)
    throw new UserError(
      "upgrade",
      `announcements are at ${to} already`,
      "--return goes back, --finish lets the other one go",
    );
  if (beside === undefined || to !== beside) {
    const given = to === undefined ? "" : `, and announcements.beside: ${to}`;
    throw new UserError(
      "upgrade",
      `no cluster stands beside ${broker}${to === undefined ? "" : ` by the name of ${to}`}`,
      `a series changes by a second cluster alone: name one in ${relative(checkout, stackConfigFile(stack))} under warren:brokers, with hosts of its own, the same virtualIp, lower priorities${given}`,
    );
  }
  const ageOf = (cluster: string) => seriesNames.indexOf(config.brokers[cluster]?.series ?? "3.10");
  if (flags.return && ageOf(broker) < ageOf(beside)) {
    throw new UserError(
      "upgrade",
      `${broker} is the older one: nothing has moved yet`,
      `./warren upgrade -s ${stack} --to ${beside}`,
    );
  }
  const isReturn = ageOf(beside) < ageOf(broker);
  return { from: broker, to: beside, startedAt: new Date().toISOString(), isReturn, done: [], hasJournals: false };
}

/** Where the address is by now doesn't matter: what the one side has, the other one knows. */
const turnedBack = ({ from, to, startedAt }: UpgradeRecord): UpgradeRecord => ({
  ...{ from: to, to: from, startedAt, isReturn: true, hasJournals: true },
  done: ["ledgers"],
});

function brokenOff(stack: string, before: UpgradeRecord): UserError {
  const done = before.done.join(", ") || "nothing";
  const remedy = `./warren upgrade -s ${stack} ${optionOf(before)} goes on with it`;
  return new UserError("upgrade", `a move to ${before.to} was broken off, done: ${done}`, remedy);
}

const optionOf = ({ isReturn, to }: UpgradeRecord): string => (isReturn ? "--return" : `--to ${to}`);
