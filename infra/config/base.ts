import type * as z from "zod";
import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { stackSchema } from "./schema.ts";

/** Any part of a value as it is written in a stack file; lists are complete. */
type Part<T> = T extends readonly unknown[] ? T : T extends object ? { readonly [Key in keyof T]?: Part<T[Key]> } : T;
type BaseConfig = Part<Omit<z.input<typeof stackSchema>, "secrets">>;

/**
 * Settings that several stacks share, by the name that `warren:base` gives: decisions for a whole system. Values that are the same everywhere
 * are the schemas' defaults; values that differ between stacks are in the stack files.
 */
export const bases: Readonly<Record<string, BaseConfig>> = {
  /** The system of the operator's notes: a pair of brokers, radar servers and pullers around it, and long-standing clients. */
  "announcement-system": {
    ssh: { user: "root" },
    brokers: {
      bunny: {
        members: ["bunny1", "bunny2"],
        series: "3.10",
        permissions: "safe",
        // Some clients do not support TLS.
        plainText: true,
      },
    },
    announcements: { broker: "bunny" },
  },
};

export type Values = Readonly<Record<string, unknown>>;

interface Based {
  /** The base's values, overridden by the stack's, without the key `base`. */
  readonly values: Values;
  readonly issues: readonly ConfigIssue[];
  /** A suffix for messages about a value that comes from the base; empty for a value of the stack file. */
  readonly originOf: (path: string) => string;
}

/**
 * Merges a stack file over its base: objects key by key, lists and single values as one. An empty key, as YAML has it when everything below is
 * commented out, changes nothing.
 */
export function withBase(given: Values): Based {
  const { base: name, ...own } = given;
  if (name === undefined) return { values: own, issues: [], originOf: () => "" };
  const base = typeof name === "string" && Object.hasOwn(bases, name) ? bases[name] : undefined;
  if (!base) {
    const names = Object.keys(bases).join(", ");
    return {
      values: own,
      issues: [{ path: "base", message: `expected one of ${names}, got ${JSON.stringify(name)}` }],
      originOf: () => "",
    };
  }
  return {
    values: merge(base, own) as Values,
    issues: [],
    originOf: (path) =>
      valueAt(base, path) !== undefined && valueAt(own, path) === undefined ? ` (from base ${name})` : "",
  };
}

export const isRecord = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Changes parts of a value, however deep: `change` returns what takes a part's place, or undefined to look inside it. */
export function changeDeep(value: unknown, change: (part: unknown) => unknown): unknown {
  const changed = change(value);
  if (changed !== undefined) return changed;
  if (Array.isArray(value)) return value.map((item) => changeDeep(item, change));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, changeDeep(item, change)]));
}

function merge(below: unknown, above: unknown): unknown {
  if (above === undefined || above === null) return below;
  if (!isRecord(below) || !isRecord(above)) return above;
  const keys = new Set([...Object.keys(below), ...Object.keys(above)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(below[key], above[key])]));
}

function valueAt(value: unknown, path: string): unknown {
  let at = value;
  for (const key of path.split(".")) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Values)[key];
  }
  return at ?? undefined;
}
