import { expect, it } from "vitest";
import { part } from "./one-lab.ts";
import { withChangedStack } from "./stack-file.ts";
import { lab, stackTrace, up, warren } from "./subject.ts";

interface Resource {
  readonly urn: string;
  readonly id?: string;
  readonly inputs?: unknown;
  readonly outputs?: unknown;
}

/**
 * Every resource in the stack's state. Decrypted, because each write encrypts the secrets differently. Without the engine's own notes on order
 * and dependencies, which it rewrites when it has read a broker's objects before a run.
 */
async function registered(): Promise<string> {
  const { exitCode, output } = await warren(["pulumi", "stack", "export", "--show-secrets", "-s", lab]);
  expect(exitCode).toBe(0);
  const { deployment } = JSON.parse(output) as { readonly deployment: { readonly resources: readonly Resource[] } };
  const lines = deployment.resources.map(({ urn, id, inputs, outputs }) =>
    JSON.stringify({ urn, id, inputs, outputs }),
  );
  return lines.sort().join("\n");
}

/** The tests beside the rules check each message; this one checks that a mistake stops the engine's run. */
export function badConfig(): void {
  part("mistakes in a stack's config", () => {
    it("are reported all at once, in one error without a stack trace, and nothing is registered", async () => {
      const before = await registered();
      const refused = await withChangedStack(
        (stack) => {
          stack.setIn(["config", "warren:hosts", "pds-2", "address"], "nowhere at all");
          stack.setIn(["config", "warren:announcements", "logLevell"], "info");
        },
        () => up(),
      );
      expect(refused.exitCode, refused.output).not.toBe(0);
      expect(refused.output).toMatch(/hosts\.pds-2\.address/);
      expect(refused.output).toMatch(/logLevell/);
      expect(refused.output).not.toMatch(stackTrace);
      // The engine's progress prints an error's first line too; the final report is below `Diagnostics:`.
      const diagnostics = refused.output.slice(Math.max(0, refused.output.indexOf("\nDiagnostics:")));
      expect(diagnostics.match(/\berror: /g), refused.output).toHaveLength(1);
      // Compared as a boolean, so that a failure doesn't print secrets.
      expect((await registered()) === before).toBe(true);
    });
  });
}
