import { UserError } from "../../../../agents/lib/errors.ts";
import { fetchUpgrade } from "../../../../infra/commands/packages.ts";
import type { StackConfig } from "../../../../infra/config/index.ts";
import { traitsOf } from "../../../../infra/config/series.ts";
import { mustAct } from "../../../../infra/hosts/act.ts";
import type { Hosts } from "../../../../infra/hosts/connect.ts";
import { openHosts } from "../../../engine/hosts.ts";
import { runRecord } from "../../../engine/run-record.ts";
import { holdersOf } from "../../../inspect/look/evidence.ts";
import { bareLook, type Looker, openLooker } from "../../../inspect/look/look.ts";
import { describeLack, type Lack, lackBefore, lackOf } from "../../../inspect/wholeness.ts";
import { confirm } from "../../../lib/confirm.ts";
import { exitFindings, toJson } from "../../../lib/options.ts";
import type { Turn } from "../../restart/plan.ts";
import { type Restart, runTurns, type TurnResult } from "../../restart/run.ts";
import { lookForUpgrades, type PackageLook } from "./look.ts";
import { isBegun, type PackagesRecord, packagesRecord, recordOf, stepsLeft, upgradesOf } from "./record.ts";
import { formatPackages, formatPackagesDone } from "./report.ts";
import { packageActions, packageTurns, unitsOf } from "./turns.ts";

export interface PackagesRun {
  readonly stack: string;
  readonly config: StackConfig;
  readonly yes: boolean | undefined;
  readonly dryRun: boolean | undefined;
  readonly json: boolean | undefined;
  readonly wholeWithinMs: number;
  readonly signal: AbortSignal;
  say(text: string): void;
}

/** Packages of all hosts to the newest versions of their series, one host at a time by the gates of a restart. */
export async function upgradePackagesOf(run: PackagesRun): Promise<void> {
  const { stack, config, say } = run;
  const kept = runRecord("upgrade-packages", stack, packagesRecord);
  const before = await kept.read();
  const reach = await openHosts(stack, config);
  say("asks each host what its archives have");
  const found = await lookForUpgrades(stack, config, reach);
  const upgrades = upgradesOf(found.hosts, before);
  const looker = await openLooker(stack);
  try {
    const evidence = await looker.look(bareLook);
    const [holder] = holdersOf(evidence);
    const turns = packageTurns(looker.chain, holder, upgrades);
    const record = recordOf(turns, upgrades, found.hosts, before, new Date());
    for (const note of found.notes) say(`! ${note}`);
    const isNothing = record.turns.every(({ host }) => record.done.includes(host)) && !isBegun(record);
    if (isNothing && found.refusals.length === 0) {
      await kept.remove();
      const text = "nothing to upgrade: all packages are the newest of their series\n";
      process.stdout.write(
        run.json ? toJson({ ok: true, refusals: [], finding: null, notes: found.notes, turns: [] }) : text,
      );
      return;
    }
    if (before) say(`goes on with the upgrade of ${before.startedAt}`);
    const { vip } = looker.chain;
    const moving =
      vip && holder !== undefined && looker.chain.members.length > 1 ? { holder, address: vip.address } : undefined;
    process.stderr.write(formatPackages(record, moving));
    const finding =
      found.refusals.length > 0 || isBegun(record) ? undefined : await findingBefore(looker, record.turns);
    if (found.refusals.length > 0 || finding || run.dryRun) return tellBefore(run, found, finding, record);
    await confirm({ verb: "upgrade", text: `upgrade these packages of ${stack}`, yes: run.yes });
    await fetchAll(run, reach, found, record);
    await kept.write(record);
    const results = await runTurns(restartOf(run, { looker, reach, found, record, kept }), record);
    tell(run, record, results);
  } finally {
    looker.close();
  }
}

function findingBefore(looker: Looker, turns: readonly Turn[]): Promise<Lack | undefined> {
  const hosts = turns.map(({ host }) => host);
  return lackBefore(
    () => looker.look(bareLook),
    (evidence) => lackOf(evidence, { hosts }),
  );
}

function tellBefore(
  { json }: PackagesRun,
  { refusals, notes }: PackageLook,
  finding: Lack | undefined,
  record: PackagesRecord,
): void {
  const found = [...refusals, ...(finding ? [{ ...finding, evidence: describeLack(finding) }] : [])];
  for (const { host, evidence, remedy } of found) process.stderr.write(`✗ ${host}: ${evidence}\n  remedy: ${remedy}\n`);
  if (found.length > 0) process.exitCode = exitFindings;
  if (!json) return;
  const turns = record.turns.map(({ host, units }) => ({
    host,
    units,
    packages: record.upgrades[host],
    outcome: "not begun",
  }));
  process.stdout.write(toJson({ ok: found.length === 0, refusals, finding: finding ?? null, notes, turns }));
}

const fetchSeconds = 600;

/** Before anything stops: an archive that fails later on stops nobody. */
async function fetchAll(
  { say, stack }: PackagesRun,
  reach: Hosts,
  { hosts }: PackageLook,
  record: PackagesRecord,
): Promise<void> {
  say("fetches packages on all hosts");
  await Promise.all(
    hosts.map(async (look) => {
      const steps = stepsLeft(record.upgrades[look.host] ?? [], look);
      if (steps.length === 0) return;
      await mustAct(reach, {
        ...{ host: look.host, title: "fetches packages", command: fetchUpgrade(steps), timeoutSeconds: fetchSeconds },
      }).catch((cause: UserError) => {
        throw new UserError(look.host, cause.message, `mend it; ./warren upgrade -s ${stack} begins anew`, { cause });
      });
    }),
  );
}

interface Parts extends Pick<Restart, "looker" | "reach" | "kept"> {
  readonly found: PackageLook;
  readonly record: PackagesRecord;
}

function restartOf(run: PackagesRun, { looker, reach, found, record, kept }: Parts): Restart {
  const { config, signal, wholeWithinMs } = run;
  const broker = config.brokers[config.announcements.broker];
  if (!broker) throw new TypeError(`no broker ${config.announcements.broker}`);
  const width = Math.max(...record.turns.map(({ host }) => host.length));
  return {
    ...{ looker, reach, kept, signal, wholeWithinMs },
    replication: traitsOf(broker.series).replication,
    say: (host, text) => run.say(`${host.padEnd(width)}  ${text}`),
    actionsOf: ({ host }, left) => {
      const look = found.hosts.find((one) => one.host === host);
      if (!look) throw new TypeError(`${host} was not looked at`);
      const steps = stepsLeft(record.upgrades[host] ?? [], look);
      const units = unitsOf(looker.chain, host, steps);
      return packageActions({ host, steps, held: look.held, units, left, membership: look.membership });
    },
  };
}

function tell({ json, stack }: PackagesRun, record: PackagesRecord, results: readonly TurnResult[]): void {
  const ok = results.every(({ outcome }) => outcome === "restarted" || outcome === "done before");
  if (!ok) process.exitCode = 1;
  const turns = results.map(({ outcome, ...one }) => ({
    ...one,
    packages: record.upgrades[one.host] ?? [],
    outcome: outcome === "restarted" ? "upgraded" : outcome,
  }));
  process.stdout.write(
    json ? toJson({ ok, refusals: [], finding: null, turns }) : formatPackagesDone(stack, record, results),
  );
}
