import type { z } from "zod";
import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { stackSchema } from "./schema.ts";

/** Any part of a value as it is written in a stack file; lists whole. */
type Part<T> = T extends readonly unknown[] ? T : T extends object ? { readonly [Key in keyof T]?: Part<T[Key]> } : T;
type BaseConfig = Part<Omit<z.input<typeof stackSchema>, "secrets">>;

/**
 * What several stacks have in common, by the name that `warren:base` gives. Here is what was decided for a system as a whole; what is the
 * same everywhere is the schemas' default, what differs from stack to stack is in the stack files.
 */
export const bases: Readonly<Record<string, BaseConfig>> = {
  /** The system of the operator's notes: one pair of brokers, radar servers and pullers around it, clients of many years. */
  "announcement-system": {
    ssh: { user: "root" },
    brokers: {
      bunny: {
        members: ["bunny1", "bunny2"],
        series: "3.10",
        permissions: "safe",
        // There are clients that know nothing of TLS.
        plainText: true,
      },
    },
    announcements: { broker: "bunny" },
  },
};

export type Values = Readonly<Record<string, unknown>>;

interface Based {
  /** The stack's values with the base's under them; `base` is taken out. */
  readonly values: Values;
  readonly issues: readonly ConfigIssue[];
  /** Says where a value comes from, for what is said of it; empty where the stack file has it. */
  readonly originOf: (path: string) => string;
}

/**
 * Puts the base that a stack names under what its file says: objects key by key, lists and single values whole. A key that is there and
 * empty, as YAML has it where all below is a comment, says nothing.
 */
export function withBase(given: Values): Based {
  const { base: name, ...own } = given;
  if (name === undefined) return { values: own, issues: [], originOf: () => "" };
  const base = typeof name === "string" && Object.hasOwn(bases, name) ? bases[name] : undefined;
  if (!base) {
    const names = Object.keys(bases).join(", ");
    return {
      values: own,
      issues: [{ path: "base", message: `one of ${names} is expected, got ${JSON.stringify(name)}` }],
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
