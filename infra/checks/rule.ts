import type { StackConfig } from "../config/index.ts";
import type { EnvironmentModel } from "../model/types.ts";
import type { Past } from "./past.ts";

/**
 * `error`: the stack would not do what it says: a message lost, an address held twice, a broker that doesn't start. It stops preview and up
 * before anything is registered. `warning`: it works, and is open or fragile; shown at every preview. `note`: a choice that has its
 * reasons; `./warren checks` alone shows it.
 */
export const severities = ["error", "warning", "note"] as const;
export type Severity = (typeof severities)[number];

export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  /** Path of the setting, e.g. `warren:brokers.bunny.permissions`. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

/** What rules read of the model: neither certificates nor built agents change what they find. */
export type CheckedModel = Pick<EnvironmentModel, "stack" | "clusters">;

/** One place where a rule fires. */
export interface Found {
  readonly path: string;
  readonly message: string;
  /** Instead of the rule's own, where this place needs another. */
  readonly remedy?: string;
}

export interface Rule {
  readonly name: string;
  readonly severity: Severity;
  /** What it fires on, in a few words. */
  readonly firesOn: string;
  /** Why the rule is there. */
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;
  /** Where the reason comes from: a chapter of the requirement, a standard, a documentation, a program's source. */
  readonly source: string;
  readonly find: (model: CheckedModel, config: StackConfig, past: Past) => readonly Found[];
}
