import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";

/** What the old file does not say. */
export interface Target {
  readonly name: string;
  /** PXROOT: the folder of txq and rxq. */
  readonly root: string;
  readonly metricsPort: number;
}

/** An agent's config, and the password that it names a file for. */
export interface Made {
  readonly config: Readonly<Record<string, unknown>>;
  readonly password: string | undefined;
}

/** What the agent's own schema has against a config, at the lines that it comes from; nothing where those have a fault already. */
export function tellIssues(
  draft: Draft,
  whole: Place,
  options: Readonly<Record<string, string>>,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] = [],
): void {
  if (draft.faults.length > 0) return;
  for (const { path, message } of issues) {
    const option = options[String(path[0])];
    const line = option === undefined ? undefined : draft.lineOf(option);
    const what = option ?? path.map(String).join(".");
    draft.fault(line ?? whole, `${what}: ${message}`, "say it so that the agent can");
  }
}
