import { afterAll, expect, it } from "vitest";
import { accountsName } from "../../infra/model/names.ts";
import { cutLink, healLink } from "../../scripts/lab/index.ts";
import { noteSeconds } from "./figures.ts";
import { as, guardOf } from "./hostile-folders.ts";
import { part } from "./one-lab.ts";
import { changeStack } from "./stack-file.ts";
import {
  changedResources,
  expectNothingToChange,
  lab,
  on,
  resourceCounts,
  stackConfig,
  stackTrace,
  textOf,
  until,
  up,
} from "./subject.ts";
import { isAgent, restartedBy, stackUnits, type Unit } from "./units.ts";

const away = "pds-3";
const full = "pds-2";
const hostile = "pds-5";
const config = "/etc/warren/puller.json";
const link = "/apps/px/rxq/pull_urp";

/** Changes one setting of announcers, dispatchers and pullers: each has it in its own file. */
async function changeLogLevel(): Promise<void> {
  const level = (await stackConfig()).announcements.logLevel === "debug" ? "info" : "debug";
  await changeStack((stack) => stack.setIn(["config", "warren:announcements", "logLevel"], level));
}

/**
 * Changes one setting on all hosts of the announcements while three of them can't accept it: one doesn't answer, on one the file can't be
 * written, and on one an account has replaced a folder by a link. The next `up` finds these obstacles gone and finishes the change.
 */
export function troubledUp(): void {
  part("one setting changed while three hosts are in trouble", () => {
    const troubled = [away, full, hostile];

    afterAll(async () => {
      await healLink(lab, away);
      await on(full, `mountpoint -q ${config} && umount ${config} || true`);
      await as(hostile, "px", restoreFolder);
    });

    it("up changes only the other hosts, reports each of the three with the reason, deletes nothing, and fails", async () => {
      const units = await agentsOfAnnouncements();
      const others = units.filter(([host]) => !troubled.includes(host));
      const guarded = await guardOf(hostile);
      await as(
        hostile,
        "px",
        "mv /apps/px/rxq /apps/px/rxq.old; mkdir /apps/px/rxq; ln -s /etc/warren /apps/px/rxq/pull_urp",
      );
      // A mount point can't be replaced by a rename.
      await on(full, `mount --bind ${config} ${config}`);
      await cutLink(lab, away);
      await changeLogLevel();
      const restarted = await restartedBy([...others, [full, "warren-puller.service"]], async () => {
        const tried = await up();
        noteSeconds("up with one host unreachable", tried.seconds);
        expect(tried.exitCode, tried.output).not.toBe(0);
        expect(tried.seconds).toBeLessThan(120);
        expect(tried.output).toMatch(new RegExp(`warning: ${away} can't be observed: `));
        const found = `${link} is a symbolic link to /etc/warren, not a folder`;
        expect(tried.output).toContain(`warning: ${hostile} has drifted: ${accountsName}: ${found}`);
        expect(tried.output).toContain(`${hostile}: ${found}`);
        expect(tried.output).toMatch(new RegExp(`${full} ${config}[^\n]*failed`));
        expect(tried.output).not.toMatch(stackTrace);
        expect(resourceCounts(tried.output)).not.toHaveProperty("deleted");
        const changed = changedResources(tried.output).filter((name) => !troubled.includes(name.split(" ")[0] ?? ""));
        expect(changed).toEqual(
          others.flatMap(([host, unit]) => [`${host} ${unit}`, `${host} ${configOf(unit)}`]).sort(),
        );
      });
      expect(restarted).toEqual(others.map((unit) => unit.join(" ")));
      expect(await guardOf(hostile)).toBe(guarded);
    });

    it("up finishes the change when the three hosts have recovered, and then nothing is left to change", async () => {
      const units = await agentsOfAnnouncements();
      await on(full, `umount ${config}`);
      await as(hostile, "px", restoreFolder);
      await healLink(lab, away);
      await until(`${away} answers`, 30_000, async () => (await textOf(away, "echo back")) === "back");
      const restarted = await restartedBy(units, async () => {
        const finished = await up();
        noteSeconds("up after the three hosts have recovered", finished.seconds);
        expect(finished.exitCode, finished.output).toBe(0);
      });
      expect(restarted.toSorted()).toEqual(troubled.map((host) => `${host} warren-puller.service`).toSorted());
      await expectNothingToChange();
    });
  });
}

const restoreFolder =
  "test ! -d /apps/px/rxq.old || { rm -f /apps/px/rxq/pull_urp; rmdir /apps/px/rxq; mv /apps/px/rxq.old /apps/px/rxq; }";

const configOf = (unit: string): string => `/etc/warren/${/warren-(.*)\.service/.exec(unit)?.[1]}.json`;

/** The agents that have the setting: those of the path, and those of monitors. */
async function agentsOfAnnouncements(): Promise<Unit[]> {
  const { hosts } = await stackConfig();
  const roles = ["urp", "bunny", "pds"] as const;
  const ofMonitors = ["warren-auditor.service", "warren-monitor.service"];
  return (await stackUnits()).filter(
    ([host, unit]) =>
      isAgent([host, unit]) &&
      (ofMonitors.includes(unit) || hosts[host]?.roles.some((role) => roles.some((wanted) => wanted === role))),
  );
}
