import type { StackConfig } from "../config/index.ts";
import type { EnvironmentModel } from "../model/types.ts";
import type { Past } from "./past.ts";

/**
 * `error`: the stack would fail its purpose (a lost message, an address held twice, a broker that doesn't start). It stops preview and up
 * before anything is registered. `warning`: the stack works, but is open or fragile; every preview shows it. `note`: a choice that has its
 * reasons; only `./warren checks` shows it.
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

/** The part of the model that rules read: certificates and built agents change no finding. */
export type CheckedModel = Pick<EnvironmentModel, "stack" | "clusters">;

/** One place where a rule fires. */
export interface Found {
  readonly path: string;
  readonly message: string;
  /** Replaces the rule's own remedy where this place needs another. */
  readonly remedy?: string;
}

export interface Rule {
  readonly name: string;
  readonly severity: Severity;
  /** The setting that it fires on, in a few words. */
  readonly firesOn: string;
  /** Why the rule exists. */
  readonly reason: string;
  /** How to fix it. */
  readonly remedy: string;
  /** Source of the reason: a chapter of the requirement, a standard, a program's documentation or source. */
  readonly source: string;
  readonly find: (model: CheckedModel, config: StackConfig, past: Past) => readonly Found[];
}
