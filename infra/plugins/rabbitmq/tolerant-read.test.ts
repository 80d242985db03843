import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Operation, ResourceHandler } from "../lib/handlers.ts";
import type { PropertyMap } from "../lib/values.ts";
import { ApiError } from "./api-error.ts";
import { reportOnce, withTolerantRead } from "./tolerant-read.ts";

const state = { name: "feeder", tags: ["monitoring"] };
const inputs = { name: "feeder" };

interface Result {
  readonly read: Awaited<ReturnType<NonNullable<ResourceHandler["read"]>>>;
  readonly logged: readonly string[];
}

/** Reads twice from a broker that answers in some way, to show that a warning is logged once. */
async function readTwice(
  answer: (signal: AbortSignal) => Promise<never> | Promise<undefined>,
  known: PropertyMap,
): Promise<Result> {
  const logged: string[] = [];
  const operation: Operation = {
    name: "",
    signal: new AbortController().signal,
    secrets: new Set(),
    log: (_, message) => logged.push(message),
  };
  const resource: ResourceHandler = {
    token: "rabbitmq:index/user:User",
    inputs: {},
    computed: {},
    create: async () => ({ id: "", outputs: {} }),
    read: (_id, _state, _inputs, { signal }) => answer(signal),
  };
  const { read } = withTolerantRead(resource, reportOnce());
  const once = () => read?.("feeder", known, inputs, operation);
  await once();
  return { read: await once(), logged };
}

const refusing = (status: number) => async () => {
  throw new ApiError("GET", 'user "feeder"', status, { reason: "no" });
};
const silent = async () => {
  throw new Error("no answer from http://bunny1:15672");
};
const hanging = (signal: AbortSignal) => delay(60_000, undefined, { signal });
const unchanged = { id: "feeder", outputs: state, inputs };

describe("a resource of a broker that can't be read", () => {
  it.each<[string, (signal: AbortSignal) => Promise<never> | Promise<undefined>]>([
    ["doesn't answer", silent],
    ["hangs", hanging],
    ["refuses the login", refusing(401)],
    ["is starting", refusing(503)],
  ])("is assumed to be unchanged, with one warning, if the broker %s", async (_, answer) => {
    const { read, logged } = await readTwice(answer, state);
    expect(read).toEqual(unchanged);
    expect(logged).toEqual([
      expect.stringMatching(/^the broker can't be read, so its objects are assumed to be unchanged: /),
    ]);
  });

  it("is an error without a state, as at an import", async () => {
    await expect(readTwice(silent, {})).rejects.toThrow(/no answer/);
  });
});

describe("a resource of a broker that answers", () => {
  it("is gone if the broker reports that", async () => {
    expect(await readTwice(async () => undefined, state)).toEqual({ read: undefined, logged: [] });
  });

  it("is an error if the broker refuses the request", async () => {
    await expect(readTwice(refusing(400), state)).rejects.toThrow(/answered 400/);
  });
});
