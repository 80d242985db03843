import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";

/** What the old file does not contain. */
export interface Target {
  readonly name: string;
  /** PXROOT: the folder of txq and rxq. */
  readonly root: string;
  readonly metricsPort: number;
}

/** An agent's config, and the content of its password file. */
export interface Made {
  readonly config: Readonly<Record<string, unknown>>;
  readonly password: string | undefined;
}

/** Errors of the agent's own schema, at the lines that they come from; none where there are faults, or something is missing anyway. */
export function tellIssues(
  draft: Draft,
  whole: Place,
  options: Readonly<Record<string, string>>,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] = [],
): void {
  if (draft.faults.length > 0 || draft.isIncomplete) return;
  for (const { path, message } of issues) {
    const option = options[String(path[0])];
    const line = option === undefined ? undefined : draft.lineOf(option);
    const what = option ?? path.map(String).join(".");
    draft.fault(line ?? whole, `${what}: ${message}`, "write a value that the agent accepts");
  }
}
