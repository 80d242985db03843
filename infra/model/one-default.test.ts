import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { agentSchemas } from "../../tests/rigs/agent-schemas.ts";
import { announcementsSchema } from "../config/announcements.ts";
import { parseStackConfig } from "../config/index.ts";
import { stackSchema } from "../config/schema.ts";
import { fixtureModel, stackValues } from "./fixture.ts";

/** Agents by the start of their file names. */
const schemas: Readonly<Record<string, z.ZodType>> = {
  ...agentSchemas,
  delivery: agentSchemas.sender,
  "dd-notify": agentSchemas.sender,
};

/** Keys of a stack whose schema is not the agent's, and why; their defaults are equal. */
const apart: Readonly<Record<string, string>> = {
  "ssh.port": "the port of every host; a sender has that of its server",
  "datamart.watchedTrees": "may be empty, which means no watcher",
};

type Path = readonly string[];
interface Key {
  readonly path: Path;
  readonly schema: z.ZodType;
}

/** The schema without optional wrappers and transformations. */
function inner(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return inner(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodPipe ? inner(schema.in as z.ZodType) : schema;
}

/** Every key that a stack with these values may have. */
function keysOf(schema: z.ZodType, values: unknown, path: Path = []): Key[] {
  const below = inner(schema);
  const at = (key: string) => (values as Readonly<Record<string, unknown>> | undefined)?.[key];
  if (below instanceof z.ZodObject)
    return Object.entries(below.shape).flatMap(([key, one]) => keysOf(one as z.ZodType, at(key), [...path, key]));
  if (below instanceof z.ZodRecord)
    return Object.keys(values ?? {}).flatMap((key) => keysOf(below.valueType as z.ZodType, at(key), [...path, key]));
  return [{ path, schema }];
}

/** The default of one key of an agent's file, if it has one. @param file its content, which selects one of several alternatives */
function defaultAt(schema: z.ZodType, [key, ...rest]: Path, file: unknown): z.ZodDefault | undefined {
  if (key === undefined) return schema instanceof z.ZodDefault ? schema : undefined;
  const below = inner(schema);
  if (below instanceof z.ZodArray) return defaultAt(below.element as z.ZodType, rest, valueAt(file, [key]));
  const taken = below instanceof z.ZodUnion ? below.options.find((one) => z.safeParse(one, file).success) : below;
  const next = taken instanceof z.ZodObject ? (taken.shape[key] as z.ZodType | undefined) : undefined;
  return next && defaultAt(next, rest, valueAt(file, [key]));
}

/** Values and lists of a file, by their path. */
function leavesOf(value: unknown, path: Path = []): (readonly [string, unknown])[] {
  const own: (readonly [string, unknown])[] = [[path.join(" "), value]];
  if (typeof value !== "object" || value === null) return own;
  return [...own, ...Object.entries(value).flatMap(([key, item]) => leavesOf(item, [...path, key]))];
}

/** Values of the agents' files for a stack, by `FILE PATH`. Undefined if the stack is refused. */
function filesOf(values: Record<string, unknown>): Map<string, unknown> | undefined {
  let model: ReturnType<typeof fixtureModel>;
  try {
    model = fixtureModel(parseStackConfig(values, "a stack"));
  } catch {
    return undefined;
  }
  const files = model.hosts
    .flatMap(({ files }) => files)
    .filter(({ path }) => /^\/etc\/warren\/[\w-]+\.json$/.test(path));
  return new Map(files.flatMap(({ path, content }) => leavesOf(JSON.parse(content), [path.slice(12, -5)])));
}

/** Other values that a key may take. */
function others(schema: z.ZodType, now: unknown): unknown[] {
  const below = inner(schema);
  if (below instanceof z.ZodBoolean) return [!now];
  if (below instanceof z.ZodNumber) return [Number(now ?? 0) + 1, 777, 1555];
  if (below instanceof z.ZodEnum) return below.options.filter((one) => one !== now);
  if (below instanceof z.ZodArray) return Array.isArray(now) ? [[...now, "other"]] : [["other"]];
  return [`${now ?? "/some"}x`, "/some/other", "other"];
}

const valueAt = (values: unknown, path: Path): unknown =>
  path.reduce((at, key) => (at as Readonly<Record<string, unknown>> | undefined)?.[key], values);

function withValue(values: unknown, [key = "", ...rest]: Path, value: unknown): Record<string, unknown> {
  const at = values as Readonly<Record<string, unknown>> | undefined;
  return { ...at, [key]: rest.length === 0 ? value : withValue(at?.[key], rest, value) };
}

/** A key of a stack, and the agents' keys that it sets. */
interface Followed extends Key {
  /** `FILE PATH` of the keys that follow the stack's key. */
  readonly to: readonly string[];
  readonly defaults: readonly z.ZodDefault[];
}

function followed(values: Record<string, unknown>, schema: z.ZodType = stackSchema): Followed[] {
  const config = parseStackConfig(values, "a stack");
  const before = filesOf(values) ?? new Map();
  return keysOf(schema, config).flatMap((key) => {
    for (const other of others(key.schema, valueAt(config, key.path))) {
      const after = filesOf(withValue(values, key.path, other));
      if (!after) continue;
      const has = (at: string) => isDeepStrictEqual(after.get(at), other) && !isDeepStrictEqual(before.get(at), other);
      const to = [...after.keys()].filter(has);
      return [{ ...key, to, defaults: to.flatMap((at) => defaultOf(at, after) ?? []) }];
    }
    return [];
  });
}

function defaultOf(at: string, files: ReadonlyMap<string, unknown>): z.ZodDefault | undefined {
  const [file = "", ...path] = at.split(" ");
  const agent = Object.keys(schemas).find((name) => file === name || file.startsWith(`${name}-`)) ?? "";
  return defaultAt(schemas[agent] ?? z.never(), path, files.get(file));
}

/** Keys of a stack with a default in addition to that of the agent's key that they set. */
function secondDefaults(keys: readonly Followed[]): string[] {
  return keys.flatMap(({ path, schema, to, defaults }) => {
    if (!(schema instanceof z.ZodDefault) || defaults.length === 0) return [];
    const isOne = defaults.some(({ def }) => def === schema.def) || path.join(".") in apart;
    const isEqual = defaults.every(({ def }) => isDeepStrictEqual(def.defaultValue, schema.def.defaultValue));
    return isOne && isEqual ? [] : [`${path.join(".")} and ${to.join(", ")}`];
  });
}

describe("a key of a stack that an agent has as well", () => {
  const keys = followed(stackValues("lab"));

  it("has no separate default", () => {
    expect(secondDefaults(keys)).toEqual([]);
    const all = new Map(keys.map(({ path, to }) => [path.join("."), to]));
    // The walk finds keys with the agent's name or another, in one file or several, nested or not.
    expect(all.get("announcements.dispatcherPrefetch")).toEqual(["dispatcher prefetch"]);
    expect(all.get("datamart.queueManager.messagesMax")).toEqual(["queue-manager classes 0 messagesMax"]);
    expect(all.get("announcements.pullQueue")).toEqual([
      "dispatcher outputQueues 0",
      "puller queue",
      "monitor map radar queues pull",
    ]);
    for (const key of Object.keys(apart)) expect(all.get(key), key).not.toEqual([]);
  });

  it.each([
    ["another than the agent's", 1_000_000],
    ["the same, repeated", 2_000_000],
  ])("is found if it has one, %s", (_, entriesMax) => {
    const announcements = announcementsSchema.extend({ entriesMax: z.int().default(entriesMax) });
    const seeded = followed(stackValues("lab"), z.object({ announcements }));
    expect(secondDefaults(seeded)).toEqual(["announcements.entriesMax and dispatcher entriesMax"]);
  });
});
