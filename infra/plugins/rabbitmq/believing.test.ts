import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Operation, ResourceHandler } from "../lib/handlers.ts";
import type { PropertyMap } from "../lib/values.ts";
import { ApiError } from "./api-error.ts";
import { believing, sayOnce } from "./believing.ts";

const state = { name: "feeder", tags: ["monitoring"] };
const inputs = { name: "feeder" };

interface Result {
  readonly read: Awaited<ReturnType<NonNullable<ResourceHandler["read"]>>>;
  readonly said: readonly string[];
}

/** Reads twice what a broker answers in some way, so that what is said once can be seen to be. */
async function readTwice(
  answer: (signal: AbortSignal) => Promise<never> | Promise<undefined>,
  known: PropertyMap,
): Promise<Result> {
  const said: string[] = [];
  const operation: Operation = {
    urn: "",
    name: "",
    signal: new AbortController().signal,
    secrets: new Set(),
    mask: (text) => text,
    log: (_, message) => said.push(message),
  };
  const resource: ResourceHandler = {
    token: "rabbitmq:index/user:User",
    inputs: {},
    computed: {},
    create: async () => ({ id: "", outputs: {} }),
    read: (_id, _state, _inputs, { signal }) => answer(signal),
  };
  const { read } = believing(resource, sayOnce());
  const once = () => read?.("feeder", known, inputs, operation);
  await once();
  return { read: await once(), said };
}

const refusing = (status: number) => async () => {
  throw new ApiError("GET", 'user "feeder"', status, { reason: "no" });
};
const silent = async () => {
  throw new Error("no answer from http://bunny1:15672");
};
const hanging = (signal: AbortSignal) => delay(60_000, undefined, { signal });
const believed = { id: "feeder", outputs: state, inputs };

describe("a resource of a broker that can't be asked", () => {
  it.each<[string, (signal: AbortSignal) => Promise<never> | Promise<undefined>]>([
    ["doesn't answer", silent],
    ["hangs", hanging],
    ["refuses the login", refusing(401)],
    ["is starting", refusing(503)],
  ])("is believed to be what it was, and this is said once: the broker %s", async (_, answer) => {
    const { read, said } = await readTwice(answer, state);
    expect(read).toEqual(believed);
    expect(said).toEqual([
      expect.stringMatching(/^the broker can't be asked, what is known of its objects is believed: /),
    ]);
  });

  it("is an error where nothing is known of it, as at an import", async () => {
    await expect(readTwice(silent, {})).rejects.toThrow(/no answer/);
  });
});

describe("a resource of a broker that answers", () => {
  it("is gone where the broker says so", async () => {
    expect(await readTwice(async () => undefined, state)).toEqual({ read: undefined, said: [] });
  });

  it("is an error where the broker refuses the question itself", async () => {
    await expect(readTwice(refusing(400), state)).rejects.toThrow(/answered 400/);
  });
});
