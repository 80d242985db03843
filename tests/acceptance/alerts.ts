import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StackConfig } from "../../infra/config/index.ts";
import { alertRules } from "../../infra/model/alerts/index.ts";
import { prometheusPort } from "../../infra/model/monitored.ts";
import { openHosts } from "../../scripts/engine/hosts.ts";
import { withLoopback } from "../../scripts/engine/loopback-http.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { awaitVirtualIp } from "../../scripts/lab/virtual-ip.ts";
import { pause, poll } from "../../scripts/lib/poll.ts";
import type { LabFault } from "../faults/fault.ts";
import { publicFaults } from "../faults/public.ts";
import { radarFaults } from "../faults/radar.ts";
import {
  type AlertRow,
  digestOf,
  type Firing,
  firingIn,
  keepRow,
  readRows,
  rowsTable,
  wrongPages,
} from "./alert-rows.ts";
import { part } from "./one-lab.ts";
import { lab, stackConfig } from "./subject.ts";
import { perform, startTrickle, type Trickle } from "./verify-acts.ts";

const testWithinMs = 1_200_000;
/** Prometheus evaluates every 5 s. */
const everyMs = 1000;
/** A sender's oldest file must be a minute old, and a client's connection ends with its heartbeats: two minutes, on a busy machine twice that. */
const firesWithinMs = 240_000;
/** The longest window of a ticket is 90 s at a tenth of the times, the budget's is 180 s; a host's boot and a broker's start come before. */
const clearsWithinMs = 600_000;
/** How long nothing may fire at a fault that no alert is about: longer than most alerts take. Milliseconds. */
const quietMs = 45_000;
/** An hour at a tenth. Milliseconds. */
const hourMs = 360_000;

const allFaults: readonly LabFault[] = [...radarFaults, ...publicFaults];

/**
 * Makes the table's faults on the hosts while products flow. The alert that each names fires, no other page does, and everything clears after the
 * repair. Each result is kept: a run that is broken off continues behind the last one. Proves nothing about several faults at once, and the times
 * are a tenth of those in operation.
 */
export function faultsFireAlerts(): void {
  part("each fault fires its alert, and pages nobody for anything else", () => {
    let trickle: Trickle;
    let config: StackConfig;
    let firing: () => Promise<Firing[]>;
    let rules: string;
    const file = () => join(checkoutDirectory, ".warren", `alert-faults-${lab}.jsonl`);

    beforeAll(async () => {
      config = await stackConfig();
      rules = digestOf(alertRules(config));
      trickle = await startTrickle(config);
      const hosts = await openHosts(lab, config);
      const [host = ""] = hostsOf(config, "monitor");
      firing = () =>
        withLoopback(hosts, { host, port: prometheusPort }, async (ask) =>
          firingIn(await ask("GET", "/api/v1/alerts")),
        );
      await untilClear(firing);
    }, clearsWithinMs + 30_000);
    afterAll(async () => {
      await trickle.stop();
      process.stdout.write(rowsTable(readRows(file(), rules)));
    });

    it.each(allFaults.map((fault) => [fault.name, fault] as const))(
      "%s",
      { timeout: testWithinMs },
      async (_, fault) => {
        // The monitor can't be asked while its own cable is pulled.
        const isMonitorCut = fault.inject.some(
          (act) =>
            "lab" in act && act.lab !== "healNetwork" && "host" in act && hostsOf(config, "monitor").includes(act.host),
        );
        if (isMonitorCut || readRows(file(), rules).some((row) => row.fault === fault.name)) return;
        // Faults name the hosts of a settled lab. The address returns some seconds after the last alert has ended.
        await awaitVirtualIp(lab, config, new AbortController().signal);
        const { withheld } = trickle;
        const beganMs = performance.now();
        let noticed: Noticed | undefined;
        try {
          await perform(fault.inject, { config, withheld });
          noticed = await untilFires(fault, firing);
        } finally {
          await perform(fault.heal, { config, withheld });
        }
        const healedMs = performance.now();
        const cleared = await untilClear(firing);
        const seen = [...noticed.seen, ...cleared];
        expect(wrongPages(fault, seen)).toEqual([]);
        const { alert } = fault;
        if (typeof alert === "string")
          expect(noticed.firedAtMs, `${alert} did not fire, but ${seen.map(({ name }) => name)}`).toBeDefined();
        const row: AlertRow = {
          ...{ rules, fault: fault.name, alert: typeof alert === "string" ? alert : "" },
          ...(noticed.firedAtMs === undefined ? {} : { secondsToFire: (noticed.firedAtMs - beganMs) / 1000 }),
          secondsToClear: (performance.now() - healedMs) / 1000,
          others: [...new Set(seen.map(({ name }) => name))].filter((name) => name !== alert),
        };
        keepRow(file(), row);
      },
    );

    it("nothing is broken: for an hour of the rules' times nothing fires", { timeout: testWithinMs }, async () => {
      await untilClear(firing);
      expect(await seenWithin(firing, hourMs)).toEqual([]);
    });
  });
}

interface Noticed {
  readonly firedAtMs?: number;
  /** Everything that fired meanwhile. */
  readonly seen: readonly Firing[];
}

async function untilFires({ alert }: LabFault, firing: () => Promise<Firing[]>): Promise<Noticed> {
  if (typeof alert !== "string") return { seen: await seenWithin(firing, quietMs) };
  const seen: Firing[] = [];
  const firedAtMs = await poll(
    async () => {
      seen.push(...(await firing()));
      return seen.some(({ name }) => name === alert) && performance.now();
    },
    { everyMs, withinMs: firesWithinMs },
  );
  return { seen, ...(firedAtMs === undefined ? {} : { firedAtMs }) };
}

/** Everything that fires while nothing else happens. */
async function seenWithin(firing: () => Promise<Firing[]>, withinMs: number): Promise<Firing[]> {
  const seen: Firing[] = [];
  for (const untilMs = performance.now() + withinMs; performance.now() < untilMs; await pause(everyMs)) {
    seen.push(...(await firing()));
  }
  return seen;
}

/** @returns what fired before nothing did */
async function untilClear(firing: () => Promise<Firing[]>): Promise<Firing[]> {
  const seen: Firing[] = [];
  const isClear = await poll(
    async () => {
      const now = await firing();
      seen.push(...now);
      return now.length === 0;
    },
    { everyMs, withinMs: clearsWithinMs },
  );
  if (!isClear)
    throw new Error(
      `still firing after ${clearsWithinMs / 1000} s: ${[...new Set(seen.slice(-5).map(({ name }) => name))]}`,
    );
  return seen;
}
