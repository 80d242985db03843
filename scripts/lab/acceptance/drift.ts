import { describe, expect, it } from "vitest";
import { noteSeconds } from "./figures.ts";
import { changedResources, on, preview, up } from "./subject.ts";
import { allUnits, invocations } from "./units.ts";

/** What somebody does by hand on a host, what the preview says of it, and what it would change to mend it. */
const rows = [
  {
    host: "bunny1",
    does: "echo '# by hand' >> /etc/keepalived/keepalived.conf",
    says: "bunny1 has drifted: /etc/keepalived/keepalived.conf: content differs",
    changes: ["/etc/keepalived/keepalived.conf", "keepalived.service"],
  },
  {
    host: "urp-1",
    does: "chmod 0600 /etc/apache2/conf-enabled/warren-products.conf",
    says: "urp-1 has drifted: /etc/apache2/conf-enabled/warren-products.conf: mode 0600 instead of 0644",
    changes: ["/etc/apache2/conf-enabled/warren-products.conf", "apache2.service"],
  },
  {
    host: "pds-1",
    does: "rm /etc/warren/puller.json",
    says: "pds-1 has drifted: /etc/warren/puller.json: is missing",
    changes: ["/etc/warren/puller.json", "warren-puller.service"],
  },
  {
    host: "pds-2",
    does: "systemctl stop warren-puller.service",
    says: "pds-2 has drifted: warren-puller.service: is inactive instead of active",
    changes: ["warren-puller.service"],
  },
  {
    host: "bunny2",
    does: "apt-mark unhold rabbitmq-server",
    says: "bunny2 has drifted: packages: rabbitmq-server is not held",
    changes: ["packages"],
  },
] as const;

export function drift(): void {
  describe("what somebody changed on hosts by hand", () => {
    const expected = rows.flatMap(({ host, changes }) => changes.map((thing) => `${host} ${thing}`)).sort();

    it("is named by the preview, host, thing and difference, and nothing else would be changed", async () => {
      await Promise.all(rows.map(({ host, does }) => on(host, does)));
      const seen = await preview();
      expect(seen.exitCode, seen.output).toBe(0);
      for (const { says } of rows) expect(seen.output).toContain(says);
      expect(changedResources(seen.output)).toEqual(expected);
      expect(await preview("--expect-no-changes")).not.toMatchObject({ exitCode: 0 });
    });

    it("is repaired by up, on these hosts alone", async () => {
      const before = await invocations();
      const repaired = await up();
      noteSeconds("five kinds of drift repaired", repaired.seconds);
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(changedResources(repaired.output)).toEqual(expected);
      expect(await allUnits("ActiveState")).toEqual(new Map([...before.keys()].map((unit) => [unit, "active"])));
      const after = await invocations();
      const touched = [...after].filter(([unit, id]) => before.get(unit) !== id).map(([unit]) => unit);
      expect(expected).toEqual(expect.arrayContaining(touched));
      const clean = await preview("--expect-no-changes");
      expect(clean.exitCode, clean.output).toBe(0);
    });
  });
}
