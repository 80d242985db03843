import { afterAll, expect, it } from "vitest";
import { cutLink, healLink } from "../../scripts/lab/index.ts";
import { part } from "./one-lab.ts";
import { withChangedStack } from "./stack-file.ts";
import { changedResources, expectNothingToChange, lab, preview, textOf, until, up, warren } from "./subject.ts";

const gone = "pds-4";
const unit = "warren-puller.service";

/** A host is taken out of the stack file while it doesn't answer. Doesn't prove the same for the only host of a broker. */
export function goneHost(): void {
  part("a host that is taken out of the stack while it can't be reached", () => {
    afterAll(() => healLink(lab, gone));

    it("doesn't fail up, is removed when it answers, and forgotten only when a person says so", async () => {
      const withoutHost = (work: () => Promise<void>) =>
        withChangedStack((stack) => stack.deleteIn(["config", "warren:hosts", gone]), work);
      await withoutHost(async () => {
        await cutLink(lab, gone);
        const first = await up();
        expect(first.exitCode, first.output).toBe(0);
        expect(first.output).toMatch(new RegExp(`warning: ${gone} is no longer in the stack, and can't be reached`));
        expect(first.output).toMatch(new RegExp(`When it runs, it runs .*${unit}`));
        expect(changedResources(first.output).filter((name) => name.startsWith(gone))).toEqual([]);
        await expectNothingToChange();

        await healLink(lab, gone);
        await until(`${gone} answers`, 30_000, async () => (await textOf(gone, "echo back")) === "back");
        expect(await textOf(gone, `systemctl is-active ${unit}`)).toBe("active");
        const second = await up();
        expect(second.exitCode, second.output).toBe(0);
        expect(changedResources(second.output)).toContain(`${gone} ${unit}`);
        expect(await textOf(gone, `systemctl is-active ${unit} || true`)).toBe("inactive");
        await expectNothingToChange();
      });
      expect((await up()).exitCode).toBe(0);
      await withoutHost(async () => {
        await cutLink(lab, gone);
        const refused = await warren(["up", "-s", lab, "--yes", "--forget", "pds-3"]);
        expect(refused.exitCode, refused.output).not.toBe(0);
        expect(refused.output).toContain("pds-3 is in the stack");
        const done = await warren(["up", "-s", lab, "--yes", "--forget", gone]);
        expect(done.exitCode, done.output).toBe(0);
        expect(done.output).toContain(`warning: ${gone} is forgotten`);
        const next = await up();
        expect(next.exitCode, next.output).toBe(0);
        expect(next.output).not.toContain("can't be reached");
        expect(changedResources(next.output)).toContain(`${gone} ${unit}`);
        await expectNothingToChange();
        await healLink(lab, gone);
      });
      // It comes back as a host that was set up before: the same files are there.
      const back = await up();
      expect(back.exitCode, back.output).toBe(0);
      expect((await preview()).output).not.toContain("has drifted");
    });
  });
}
