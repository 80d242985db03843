import { UserError } from "../../../../agents/lib/errors.ts";
import { fetchUpgrade } from "../../../../infra/commands/packages.ts";
import type { StackConfig } from "../../../../infra/config/index.ts";
import { actionOn, mustAct } from "../../../../infra/hosts/act.ts";
import type { Hosts } from "../../../../infra/hosts/connect.ts";
import { runRecord } from "../../../engine/run-record.ts";
import { problemBefore, problemOf } from "../../../inspect/health.ts";
import { holdersOf } from "../../../inspect/snapshot/evidence.ts";
import { bareSnapshot } from "../../../inspect/snapshot/snapshot.ts";
import { type HostResult, isAllDone, reportOf, rollHosts } from "../../rolling.ts";
import { openSystem, type Plan, type Report, type Run, remedied } from "../../runbook.ts";
import { findUpgrades, type StackUpgrades } from "./find.ts";
import { packageActions, packageHostSteps, unitsOf } from "./host-steps.ts";
import { isBegun, type PackagesRecord, packagesRecord, recordOf, stepsLeft, upgradesOf } from "./record.ts";
import { formatPackages, formatPackagesDone } from "./report.ts";

/** Upgrades packages of all hosts to the newest versions of their series, one host at a time, with the checks of a restart. */
export async function packagesPlan(run: Run, config: StackConfig): Promise<Plan | Report> {
  const { stack, flags, signal, say } = run;
  const kept = runRecord("upgrade-packages", stack, packagesRecord);
  const before = await kept.read();
  const system = await openSystem(run, config);
  const { observer, reach } = system;
  say("asking each host for available packages");
  const found = await findUpgrades(stack, config, reach);
  const { refusals, notes } = found;
  const upgrades = upgradesOf(found.hosts, before);
  const [holder] = holdersOf(await observer.snapshot(bareSnapshot));
  const record = recordOf(
    packageHostSteps(observer.chain, holder, upgrades),
    upgrades,
    found.hosts,
    before,
    new Date(),
  );
  for (const note of notes) say(`! ${note}`);
  const isNothing = record.turns.every(({ host }) => record.done.includes(host)) && !isBegun(record);
  if (isNothing && refusals.length === 0) {
    await kept.remove();
    const text = "nothing to upgrade: all packages have the newest version of their series\n";
    return { json: { ok: true, refusals: [], finding: null, notes, turns: [] }, text };
  }
  if (before) say(`continues the upgrade of ${before.startedAt}`);
  const hosts = record.turns.map(({ host }) => host);
  const isGated = refusals.length === 0 && !isBegun(record);
  const finding = isGated ? await problemBefore(observer, (seen) => problemOf(seen, { hosts }), signal) : undefined;
  const { vip, members } = observer.chain;
  const moving = vip && holder !== undefined && members.length > 1 ? { holder, address: vip.address } : undefined;
  const notBegun = record.turns.map(({ host, units }) => {
    return { host, units, packages: record.upgrades[host], outcome: "not begun" };
  });

  return {
    text: formatPackages(record, moving),
    findings: [
      ...refusals.map(({ host, evidence, remedy }) => `${host}: ${evidence}\n  remedy: ${remedy}`),
      ...(finding ? [remedied(finding)] : []),
    ],
    json: { ok: refusals.length === 0 && !finding, refusals, finding: finding ?? null, notes, turns: notBegun },
    touches: Object.keys(config.hosts),
    question: `upgrade these packages of ${stack}`,
    work: async () => {
      await fetchAll(run, reach, found, record);
      const turns = { ...system, kept, record, signal, healthyWithinMs: flags.wait * 1000 };
      const results = await rollHosts(turns, async (turn) => {
        const upgrade = found.hosts.find(({ host }) => host === turn.host);
        if (!upgrade) throw new TypeError(`no packages of ${turn.host}`);
        const steps = stepsLeft(record.upgrades[turn.host] ?? [], upgrade);
        const units = unitsOf(observer.chain, turn.host, steps);
        await turn.stepAside();
        for (const action of packageActions({ ...upgrade, steps, units, left: turn.unitsLeft })) await turn.$(action);
        await turn.healthy();
        await turn.comeBack();
      });
      return reportPackages(stack, record, results);
    },
  };
}

const fetchSeconds = 600;

/** Done before anything stops, so that an archive that fails later has no effect. */
async function fetchAll(
  { say, stack }: Run,
  reach: Hosts,
  { hosts }: StackUpgrades,
  record: PackagesRecord,
): Promise<void> {
  say("downloading packages on all hosts");
  await Promise.all(
    hosts.map(async (upgrade) => {
      const steps = stepsLeft(record.upgrades[upgrade.host] ?? [], upgrade);
      if (steps.length === 0) return;
      const fetch = actionOn(upgrade.host, "downloads packages", fetchUpgrade(steps), fetchSeconds);
      await mustAct(reach, fetch).catch((cause: UserError) => {
        throw new UserError(upgrade.host, cause.message, `fix it, then run ./warren upgrade -s ${stack} again`, {
          cause,
        });
      });
    }),
  );
}

function reportPackages(stack: string, record: PackagesRecord, results: readonly HostResult[]): Report {
  const turns = results.map(({ outcome, ...one }) => ({
    ...one,
    packages: record.upgrades[one.host] ?? [],
    outcome: outcome === "restarted" ? "upgraded" : outcome,
  }));
  const json = { ok: isAllDone(results), refusals: [], finding: null, turns };
  return reportOf(results, json, formatPackagesDone(stack, record, results));
}
