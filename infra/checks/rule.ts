import type { StackConfig } from "../config/index.ts";
import type { EnvironmentModel } from "../model/types.ts";

export interface Finding {
  readonly rule: string;
  /** An error stops preview and up before anything is registered. */
  readonly severity: "error" | "warning";
  /** Path of the setting, e.g. `warren:brokers.bunny.permissions`. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

export interface Rule {
  readonly name: string;
  readonly severity: Finding["severity"];
  /** Why the rule is there. */
  readonly reason: string;
  readonly find: (model: EnvironmentModel, config: StackConfig) => readonly Omit<Finding, "rule" | "severity">[];
}
