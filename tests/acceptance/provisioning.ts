import { describe, expect, it } from "vitest";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { expectHidden, secretPlaces } from "./secret-places.ts";
import { secretsOf, watchArguments } from "./secrets.ts";
import { on, preview, resourceCounts, stackConfig, subjectIsMade, textOf, up } from "./subject.ts";
import { isAgent, propertyOf, stackUnits } from "./units.ts";

/**
 * Bounds are wide, because a test machine is shared. The table of figures shows the targets for two idle cores.
 *
 * @param upAgain also tests a preview of bare hosts and a second `up`; one stack is enough, as little of that depends on the generation
 */
export function provisioning({ upAgain }: { readonly upAgain: boolean }): void {
  describe("pulumi up on bare hosts", () => {
    it("creates everything, with no secret in process arguments, its output, the state or logs", async () => {
      const secrets = secretsOf(await stackConfig());
      const previewed = upAgain ? await preview() : undefined;
      expect(previewed?.exitCode ?? 0, previewed?.output).toBe(0);
      const watch = watchArguments(secrets);
      const made = await up();
      const { samples, shown } = watch.stop();
      noteSeconds("up from bare hosts", made.seconds, 50);
      expect(made.exitCode, made.output).toBe(0);
      subjectIsMade();
      expect(made.seconds).toBeLessThan(300);
      expect(resourceCounts(made.output), made.output).toEqual({ created: expect.any(Number) });
      expect(shown).toEqual([]);
      expect(samples).toBeGreaterThan(made.seconds);
      const outputs = { up: made.output, ...(previewed ? { preview: previewed.output } : {}) };
      expectHidden({ ...outputs, ...(await secretPlaces()) }, secrets);
    });

    it("has every unit of every host running", async () => {
      const states = await propertyOf("ActiveState", await stackUnits());
      expect([...states].filter(([, state]) => state !== "active")).toEqual([]);
    });

    it("connected to each host as its user, and through a jump host if the stack has one", async () => {
      const { hosts, ssh } = await stackConfig();
      const others = Object.entries(hosts).filter(([, host]) => host.ssh.user !== undefined || host.ssh.via);
      for (const [host, { ssh: own }] of others) {
        const journal = await textOf(host, "journalctl --no-pager -o cat -u ssh");
        const from = own.via === undefined ? "" : hosts[own.via]?.address;
        expect(journal).toContain(`Accepted publickey for ${own.user ?? ssh.user} from ${from}`);
        const places = await textOf(host, "find /etc/warren/secrets -type f -printf '%u:%m\\n' | sort -u");
        expect(places).toBe("root:600");
      }
    });
  });

  part("pulumi up on hosts that match the stack", () => {
    if (upAgain) {
      it("changes nothing", async () => {
        const again = await up();
        noteSeconds("up again, nothing to do", again.seconds, 5);
        expect(again.exitCode, again.output).toBe(0);
        expect(resourceCounts(again.output), again.output).toEqual({ unchanged: expect.any(Number) });
        expect(again.seconds).toBeLessThan(60);
      });
    }

    it("has a preview without changes", async () => {
      const seen = await preview("--expect-no-changes");
      noteSeconds("preview --expect-no-changes", seen.seconds, 3);
      expect(seen.exitCode, seen.output).toBe(0);
      expect(seen.seconds).toBeLessThan(60);
    });
  });

  part("rendered files", () => {
    it("are accepted by systemd, apache and keepalived, and agents have an exposure of at most 2.0", async () => {
      const agents = Map.groupBy((await stackUnits()).filter(isAgent), ([host]) => host);
      const judged = [...agents].map(async ([host, units]) => {
        const names = units.map(([, unit]) => unit);
        await on(host, `systemd-analyze verify ${names.join(" ")}`);
        for (const unit of names) {
          const answer = await textOf(host, `systemd-analyze security --no-pager ${unit}`);
          expect(Number(/Overall exposure level for .*: ([\d.]+)/.exec(answer)?.[1]), unit).toBeLessThanOrEqual(2);
        }
      });
      const config = await stackConfig();
      const webServers = [...hostsOf(config, "urp"), ...hostsOf(config, "dd")];
      const keepalived = "keepalived --config-test --use-file /etc/keepalived/keepalived.conf";
      await Promise.all([
        ...judged,
        ...webServers.map((host) => on(host, "apache2ctl -t")),
        ...hostsOf(config, "bunny").map((host) => on(host, `runuser -u keepalived_script -- ${keepalived}`)),
      ]);
    });
  });
}
