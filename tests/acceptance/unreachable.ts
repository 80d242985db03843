import { afterAll, expect, it } from "vitest";
import { cutLink, healLink } from "../../scripts/lab/index.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { changeStack } from "./stack-file.ts";
import { expectNothingToChange, lab, on, preview, resourceCounts, stackTrace, textOf, until, up } from "./subject.ts";

const away = "pds-3";
const others = ["urp-1", "bunny2", "pds-1", "pds-4", "pds-5"];
const logLevel = (host: string, agent: string) =>
  textOf(host, `grep -o '"level": *"[a-z]*"' /etc/warren/${agent}.json`);
const agentOf = (host: string) =>
  host.startsWith("urp") ? "announcer" : host.startsWith("bunny") ? "dispatcher" : "puller";

export function unreachable(): void {
  part("with one host out of reach", () => {
    afterAll(() => healLink(lab, away));

    it("preview warns of it, and goes on", async () => {
      await cutLink(lab, away);
      const seen = await preview();
      noteSeconds("preview with one host out of reach", seen.seconds);
      expect(seen.exitCode, seen.output).toBe(0);
      expect(seen.output).toMatch(new RegExp(`warning: ${away} can't be observed: `));
      expect(seen.output).not.toMatch(stackTrace);
      expect(seen.seconds).toBeLessThan(45);
    });

    it("up does the others, names the one, and fails", async () => {
      await changeStack((stack) => stack.setIn(["config", "warren:announcements", "logLevel"], "warn"));
      const tried = await up();
      noteSeconds("up with one host out of reach", tried.seconds);
      expect(tried.exitCode, tried.output).not.toBe(0);
      expect(tried.output).toMatch(new RegExp(`error: .*${away}|${away}[^\n]*\n?[^\n]*error`));
      expect(tried.output).not.toMatch(stackTrace);
      expect(tried.seconds).toBeLessThan(120);
      for (const host of others) expect(await logLevel(host, agentOf(host)), host).toContain("warn");
    });

    it("up finishes it once it is back", async () => {
      await healLink(lab, away);
      await until(`${away} answers`, 30_000, async () => (await textOf(away, "echo back")) === "back");
      const finished = await up();
      noteSeconds("up when it is back", finished.seconds);
      expect(finished.exitCode, finished.output).toBe(0);
      expect(await logLevel(away, "puller")).toContain("warn");
      await expectNothingToChange();
    });

    it("a step that fails takes nothing away: what comes after it stays as it was", async () => {
      const config = "/etc/warren/puller.json";
      const pid = await textOf(away, "systemctl show --property=MainPID --value warren-puller");
      // Nothing can be renamed onto it.
      await on(away, `mount --bind ${config} ${config}`);
      try {
        await changeStack((stack) => stack.setIn(["config", "warren:announcements", "logLevel"], "debug"));
        const failed = await up();
        expect(failed.exitCode, failed.output).not.toBe(0);
        expect(resourceCounts(failed.output)).not.toHaveProperty("deleted");
        expect(await textOf(away, "systemctl show --property=MainPID --value warren-puller")).toBe(pid);
      } finally {
        await on(away, `umount ${config}`);
      }
      const finished = await up();
      expect(finished.exitCode, finished.output).toBe(0);
      expect(await logLevel(away, "puller")).toContain("debug");
    });
  });
}
