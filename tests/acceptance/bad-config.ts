import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { part } from "./one-lab.ts";
import { withChangedStack } from "./stack-file.ts";
import { lab, preview, stackConfig, stackTrace, up, type WarrenResult, warren } from "./subject.ts";

interface Registered {
  readonly urn: string;
  readonly id?: string;
  readonly inputs?: unknown;
  readonly outputs?: unknown;
}

/**
 * Digest of everything that the stack's state says is there. Decrypted: each time it is written, it is encrypted anew. Without the engine's
 * own notes on order and dependencies, which it writes anew where it has read a broker's objects before a run.
 */
async function registered(): Promise<string> {
  const { exitCode, output } = await warren(["pulumi", "stack", "export", "--show-secrets", "-s", lab]);
  expect(exitCode).toBe(0);
  const { deployment } = JSON.parse(output) as { readonly deployment: { readonly resources: readonly Registered[] } };
  const told = deployment.resources
    .map(({ urn, id, inputs, outputs }) => ({ urn, id, inputs, outputs }))
    .toSorted((a, b) => a.urn.localeCompare(b.urn));
  return createHash("sha256").update(JSON.stringify(told)).digest("hex");
}

/** One error, with these words in it; no stack trace; nothing changed. */
async function expectRefused(act: () => Promise<WarrenResult>, ...words: readonly (string | RegExp)[]): Promise<void> {
  const before = await registered();
  const refused = await act();
  expect(refused.exitCode, refused.output).not.toBe(0);
  for (const word of words) expect(refused.output).toMatch(word);
  expect(refused.output).not.toMatch(stackTrace);
  // The engine's progress says the first line of an error too; what a person is left with is below `Diagnostics:`.
  const said = refused.output.slice(Math.max(0, refused.output.indexOf("\nDiagnostics:")));
  expect(said.match(/\berror: /g), refused.output).toHaveLength(1);
  expect(await registered()).toBe(before);
}

export function badConfig(): void {
  part("a mistake in a stack's config is told once, and nothing is registered:", () => {
    it.each([
      ["preview", preview],
      ["up", up],
    ] as const)("two hosts with one address, at %s", async (_, act) => {
      await withChangedStack(
        (stack) => {
          const address = stack.getIn(["config", "warren:hosts", "pds-1", "address"]);
          stack.setIn(["config", "warren:hosts", "pds-2", "address"], address);
        },
        () => expectRefused(() => act(), /hosts\.pds-2\.address: expected an address of its own, got .*hosts\.pds-1/),
      );
    });

    it("another series of RabbitMQ or Debian release for brokers that are there: the way is blue/green", async () => {
      const { brokers, announcements } = await stackConfig();
      const { series = "", members = [] } = brokers[announcements.broker] ?? {};
      const [other, release] = series === "3.10" ? ["4.0", "trixie"] : ["3.10", "bookworm"];
      await withChangedStack(
        (stack) => {
          stack.setIn(["config", "warren:brokers", announcements.broker, "series"], other);
          for (const host of members) stack.setIn(["config", "warren:hosts", host, "release"], release);
        },
        () =>
          expectRefused(
            preview,
            `runs ${series} and can't be changed to ${other} (Debian ${release}) in place`,
            `can't be changed to ${release} in place (release-in-place`,
            /series-in-place; remedy: blue\/green/,
          ),
      );
    });

    it("an unknown key", async () => {
      await withChangedStack(
        (stack) => stack.setIn(["config", "warren:announcements", "logLevell"], "info"),
        () => expectRefused(() => up(), /announcements/, /logLevell/),
      );
    });

    it("a wrong passphrase", async () => {
      await expectRefused(() => up({ PULUMI_CONFIG_PASSPHRASE: "not-this-one" }), /incorrect passphrase/);
    });
  });
}
