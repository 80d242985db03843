import { afterAll, expect, it } from "vitest";
import { brokerVirtualIp } from "../../scripts/lab/virtual-ip.ts";
import { untilHealthy } from "./broker.ts";
import { labCluster } from "./broker-change.ts";
import { bindingGone, ctl, type DriftRow, furtherRows, rows, strangers } from "./drift-rows.ts";
import { driftTable, noteRow, noteSaid } from "./drift-table.ts";
import { noteSeconds } from "./figures.ts";
import { observation } from "./observation.ts";
import { part } from "./one-lab.ts";
import { changedResources, on, preview, stackConfig, stackTrace, until, up, type WarrenResult } from "./subject.ts";
import { allUnits, invocations } from "./units.ts";

/** Prints what was found by then. */
function showTable(): void {
  process.stdout.write(driftTable());
}

export function drift(): void {
  part("what somebody changed by hand", () => {
    afterAll(showTable);

    it("is looked for on all hosts and their brokers in a second and a half", async () => {
      const { hosts, seconds } = await observation();
      noteSeconds(`observation of ${hosts} hosts`, seconds, 1.5);
      expect(seconds).toBeLessThan(6);
    });

    it("is named by the preview with host or cluster, thing and difference, and nothing else would be changed", async () => {
      await strangers.does();
      const there = await doAll(rows);
      const seen = await preview();
      expect(seen.exitCode, seen.output).toBe(0);
      expectSaid(seen, there);
      expect(changedObjects(seen)).toEqual(mendsOf(there));
      for (const stranger of strangers.are) expect(seen.output).toMatch(listed(stranger));
      expect(await preview("--expect-no-changes")).not.toMatchObject({ exitCode: 0 });
    });

    it("is repaired by up, and nothing else is touched; what is not managed stays", async () => {
      const there = await applying(rows);
      const before = await invocations();
      const repaired = await up();
      noteSeconds(`${there.length} kinds of drift repaired`, repaired.seconds);
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(changedObjects(repaired)).toEqual(mendsOf(there));
      await expectUnitsActive(before);
      const after = await invocations();
      const touched = [...after].filter(([unit, id]) => before.get(unit) !== id).map(([unit]) => unit);
      // Whoever upgrades keepalived restarts it.
      expect([...mendsOf(there), "bunny2 keepalived.service"]).toEqual(expect.arrayContaining(touched));
      const clean = await untilClean();
      for (const stranger of strangers.are) {
        expect(clean.output).toMatch(listed(stranger));
        noteSaid("not managed", /on bunny2$/.test(stranger) ? "bunny2" : "bunny", stranger);
      }
      for (const row of there) noteRow(row);
      await strangers.go();
    });

    it("is named where two hosts hold the virtual IP", async () => {
      const { address } = brokerVirtualIp(await stackConfig());
      await on("bunny2", `ip address add ${address}/32 dev eth0`);
      const seen = await preview();
      await on("bunny2", `ip address del ${address}/32 dev eth0`);
      const said = `${address} (bunny-op) is on 2 hosts: bunny1 and bunny2`;
      expect(seen.output).toContain(`warning: ${said}`);
      noteSaid("the virtual IP on two hosts", "bunny1, bunny2", said);
    });
  });
}

/** What takes a member, the API or an agent's object away, for minutes. */
export function driftOfMembers(): void {
  part("what somebody changed by hand in brokers", () => {
    afterAll(showTable);

    it("is found where a binding of the agents is gone and none of them has bound it again yet", async () => {
      let seen: WarrenResult | undefined;
      await until("a preview finds it gone", 60_000, async () => {
        await bindingGone.does();
        seen = await preview();
        return seen.output.includes(bindingGone.says.join(": "));
      });
      if (!seen) throw new TypeError("nothing was previewed");
      expectSaid(seen, [bindingGone]);
      expect(changedObjects(seen)).toEqual(bindingGone.mends);
      const repaired = await up();
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(bindingGone.mends).toEqual(expect.arrayContaining(changedObjects(repaired)));
      await untilClean();
      noteRow(bindingGone);
    });

    it("is found and repaired where a member has left, an exchange is another, and nobody holds the virtual IP", async () => {
      await untilHealthy();
      const { address } = brokerVirtualIp(await stackConfig());
      const there = await doAll(furtherRows(address));
      const seen = await preview();
      expect(seen.exitCode, seen.output).toBe(0);
      expectSaid(seen, there);
      expect(changedObjects(seen)).toEqual(mendsOf(there));
      const repaired = await up();
      noteSeconds("member, virtual IP, policy, exchange repaired", repaired.seconds);
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(changedObjects(repaired)).toEqual(mendsOf(there));
      await on("bunny2", "systemctl kill --signal=CONT keepalived.service");
      await untilHealthy();
      await untilClean();
      for (const row of there) noteRow(row);
    });

    it("is a warning where a broker's API is dead, and stops neither preview nor up of the rest", async () => {
      await ctl("bunny1", "stop_app");
      await on("urp-1", "chmod 0600 /etc/hosts");
      const row: DriftRow = {
        what: "a node down in a unit that runs",
        where: "bunny1",
        does: async () => {},
        says: ["rabbitmq-server.service", "its node is down"],
        mends: ["bunny1 rabbitmq-server.service", "bunny1 member of bunny"],
      };
      const seen = await preview();
      noteSeconds("preview with one broker dead", seen.seconds);
      expect(seen.exitCode, seen.output).toBe(0);
      expect(seen.output).not.toMatch(stackTrace);
      expect(seen.output).toMatch(/warning: bunny1: the management API of bunny can't be used: /);
      expectSaid(seen, [row]);
      const repaired = await up();
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(changedObjects(repaired)).toEqual([...row.mends, "urp-1 /etc/hosts"].sort());
      await untilHealthy();
      await untilClean();
      noteRow(row);
    });
  });
}

const mendsOf = (there: readonly DriftRow[]): string[] => [...new Set(there.flatMap(({ mends }) => mends))].sort();
/** Without the provider: it changes where the engine speaks to another member now, because the one of the last run is silent. */
const changedObjects = ({ output }: WarrenResult): string[] =>
  changedResources(output).filter((name) => name !== "bunny");
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const listed = (stranger: string): RegExp => new RegExp(`not managed, left as it is: .*${escaped(stranger)}`);

async function applying(all: readonly DriftRow[]): Promise<DriftRow[]> {
  const { policies } = await labCluster();
  return all.filter((row) => !row.mirrored || policies.length > 0);
}

/** One place after the other is changed in the order of its rows, all places at the same time. */
async function doAll(all: readonly DriftRow[]): Promise<DriftRow[]> {
  const there = await applying(all);
  const places = Map.groupBy(there, ({ where }) => where);
  await Promise.all(
    [...places.values()].map(async (ofPlace) => {
      for (const row of ofPlace) await row.does();
    }),
  );
  return there;
}

function expectSaid({ output }: WarrenResult, there: readonly DriftRow[]): void {
  for (const { where, says } of there) {
    const [thing, difference] = says;
    const said = typeof difference === "string" ? escaped(difference) : difference.source;
    expect(output).toMatch(new RegExp(`warning: ${where} has drifted: ${escaped(thing)}: .*${said}`));
  }
}

async function expectUnitsActive(before: ReadonlyMap<string, string>): Promise<void> {
  expect(await allUnits("ActiveState")).toEqual(new Map([...before.keys()].map((unit) => [unit, "active"])));
}

/** Agents that connect anew take a moment to declare what was missing. */
async function untilClean(): Promise<WarrenResult> {
  let last: WarrenResult | undefined;
  const isClean = async () => {
    last = await preview("--expect-no-changes");
    return last.exitCode === 0;
  };
  await until("the preview is clean", 60_000, isClean).catch((error: Error) => {
    throw new Error(`${error.message}:\n${last?.output}`);
  });
  if (!last) throw new TypeError("nothing was previewed");
  return last;
}
