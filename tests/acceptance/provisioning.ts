import { describe, expect, it } from "vitest";
import type { Role } from "../../infra/config/hosts.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { expectHidden, secretPlaces } from "./secret-places.ts";
import { secretsOf, watchArguments } from "./secrets.ts";
import { changeStack } from "./stack-file.ts";
import {
  changedResources,
  on,
  preview,
  resourceCounts,
  stackConfig,
  stackTrace,
  subjectIsMade,
  textOf,
  up,
} from "./subject.ts";
import { allUnits, invocations, isAgent, type UnitRole, unitRoles } from "./units.ts";

/** Bounds are wide: a test machine is shared. What is wanted on two idle cores stands in the table of figures. */
export function provisioning(): void {
  describe("pulumi up on bare hosts", () => {
    it("makes everything, with no secret in any process's arguments, in its output, in the state, in logs", async () => {
      const secrets = secretsOf(await stackConfig());
      const previewed = await preview();
      expect(previewed).toMatchObject({ exitCode: 0 });
      const watch = watchArguments(secrets);
      const made = await up();
      const { looks, shown } = watch.stop();
      noteSeconds("up from bare hosts", made.seconds, 50);
      expect(made.exitCode, made.output).toBe(0);
      subjectIsMade();
      expect(made.seconds).toBeLessThan(300);
      expect(resourceCounts(made.output), made.output).toEqual({ created: expect.any(Number) });
      expect(shown).toEqual([]);
      expect(looks).toBeGreaterThan(made.seconds);
      expectHidden({ preview: previewed.output, up: made.output, ...(await secretPlaces()) }, secrets);
    });

    it("has every unit of every host running", async () => {
      const states = await allUnits("ActiveState");
      const { urp, bunny, pds, px, dd, client } = await hostCounts();
      expect(states.size).toBe(2 * urp + 3 * bunny + pds + 4 * px + 7 * dd + client);
      expect([...states].filter(([, state]) => state !== "active")).toEqual([]);
    });

    it("reached one host as a user with sudo, and one through another host", async () => {
      const { hosts } = await stackConfig();
      for (const [host, from] of [
        ["pds-4", ""],
        ["pds-5", hosts["urp-1"]?.address],
      ]) {
        const journal = await textOf(host ?? "", "journalctl --no-pager -o cat -u ssh");
        expect(journal).toContain(`Accepted publickey for ops from ${from}`);
        expect(await textOf(host ?? "", "stat -c %U:%a /etc/warren/secrets/broker-password")).toBe("root:600");
      }
    });
  });

  part("pulumi up on hosts that are as they should be", () => {
    it("changes nothing", async () => {
      const again = await up();
      noteSeconds("up again, nothing to do", again.seconds, 5);
      expect(again.exitCode, again.output).toBe(0);
      expect(resourceCounts(again.output), again.output).toEqual({ unchanged: expect.any(Number) });
      expect(again.seconds).toBeLessThan(60);
    });

    it("is previewed as no changes", async () => {
      const seen = await preview("--expect-no-changes");
      noteSeconds("preview --expect-no-changes", seen.seconds, 3);
      expect(seen.exitCode, seen.output).toBe(0);
      expect(seen.seconds).toBeLessThan(60);
    });
  });

  part("what is rendered", () => {
    it("keeps every agent in a sandbox of exposure 2.0 at most", async () => {
      for (const [host, unit] of await agentUnits()) {
        const answer = await textOf(host, `systemd-analyze security --no-pager ${unit}`);
        const exposure = Number(/Overall exposure level for .*: ([\d.]+)/.exec(answer)?.[1]);
        expect(exposure, `${unit} on ${host}`).toBeLessThanOrEqual(2);
      }
    });

    it("is accepted by systemd, apache and keepalived on the hosts themselves", async () => {
      for (const [host, unit] of await agentUnits()) await on(host, `systemd-analyze verify ${unit}`);
      const config = await stackConfig();
      for (const host of [...hostsOf(config, "urp"), ...hostsOf(config, "dd")]) await on(host, "apache2ctl -t");
      for (const host of hostsOf(config, "bunny")) {
        await on(
          host,
          "runuser -u keepalived_script -- keepalived --config-test --use-file /etc/keepalived/keepalived.conf",
        );
      }
    });
  });

  part("one agent setting changed for all hosts that announcements come by", () => {
    it("reaches their agents, restarts them, and touches nothing else: not the public road's, which have their own", async () => {
      const before = await invocations();
      await changeStack((stack) => stack.setIn(["config", "warren:announcements", "logLevel"], "debug"));
      const changed = await up();
      noteSeconds("one setting changed on all hosts", changed.seconds, 5);
      expect(changed.exitCode, changed.output).toBe(0);
      expect(changed.output).not.toMatch(stackTrace);
      expect(changed.seconds).toBeLessThan(120);
      const after = await invocations();
      const restarted = [...after].filter(([unit, id]) => before.get(unit) !== id).map(([unit]) => unit);
      const agents = await agentUnits("urp", "bunny", "pds");
      expect(restarted).toEqual(agents.map((agent) => agent.join(" ")));
      const { urp, bunny, pds } = await hostCounts();
      expect(restarted).toHaveLength(urp + bunny + pds);
      expect(changedResources(changed.output)).toEqual(
        agents.flatMap(([host, unit]) => [`${host} ${unit}`, `${host} ${configOf(unit)}`]).sort(),
      );
    });
  });
}

const configOf = (unit: string): string => `/etc/warren/${/warren-(.*)\.service/.exec(unit)?.[1]}.json`;

/** Host and unit of all agents, on hosts of some roles or of any. */
async function agentUnits(...roles: readonly Role[]): Promise<[host: string, unit: string][]> {
  const { hosts } = await stackConfig();
  const isWanted = (host: string) => roles.length === 0 || hosts[host]?.roles.some((role) => roles.includes(role));
  return [...(await allUnits("ActiveState")).keys()].filter(isAgent).flatMap((name) => {
    const [host = "", unit = ""] = name.split(" ");
    return isWanted(host) ? [[host, unit] satisfies [string, string]] : [];
  });
}

async function hostCounts(): Promise<Record<UnitRole, number>> {
  const config = await stackConfig();
  return Object.fromEntries(unitRoles.map((role) => [role, hostsOf(config, role).length])) as Record<UnitRole, number>;
}
