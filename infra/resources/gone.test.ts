import { describe, expect, it, vi } from "vitest";
import type { ConnectionModel, HostModel } from "../model/types.ts";
import type { GoneHost, Inventory } from "../observe/gone-hosts.ts";
import { declareGone, goneWarnings, namesToForget, recordOfGone, sortGone } from "./gone.ts";
import { type Registered, recordRegistrations } from "./recorder.ts";

// As registered with Pulumi's mocks. That the engine makes no connection for such resources is seen on the lab.

const connection = { host: "dd-9", address: "192.0.2.9", port: 22, user: "root" } as ConnectionModel;
const steps = ["dd-9 /etc/hosts", "dd-9 rabbitmq-server.service", "dd-9 warren-watcher.service", "dd-9 /etc/x.service"];
const copies = ["dd-9 /opt/x copy"];
const objects = [
  ["rabbitmq:index/user:User", "public user feeder"],
  ["rabbitmq:index/queue:Queue", "public queue q"],
] as const;
const recorded: Inventory = {
  hosts: { "dd-9": { connection, steps, copies } },
  clusters: { public: { host: "dd-9", objects }, bunny: { host: "bunny1", objects: [] } },
};
const gone: GoneHost = { name: "dd-9", connection, steps, copies, unreachable: "no route to host" };
const model = { stack: "op", hosts: [{ name: "pds-1" } as HostModel], clusters: [] };
const waiting = { waiting: [gone], leaving: [] };
const leaving = { waiting: [], leaving: [gone] };

describe("a host that is not in the stack and can't be reached", () => {
  it("waits until it answers", () => {
    expect(sortGone([gone], [], [], recorded, model)).toEqual(waiting);
  });

  it("leaves only if a person names it, and is not declared in the run after that", () => {
    expect(sortGone([gone], namesToForget("dd-9, "), [], recorded, model)).toEqual(leaving);
    expect(sortGone([gone], [], ["dd-9"], recorded, model)).toEqual({ waiting: [], leaving: [] });
  });

  it("is not forgotten while it answers: the engine removes what is on it", () => {
    expect(sortGone([], ["dd-9"], [], recorded, model)).toEqual({ waiting: [], leaving: [] });
  });

  it("can't be forgotten if it is in the stack, or if nothing is recorded of it", () => {
    expect(() => sortGone([], ["pds-1"], [], recorded, model)).toThrow("pds-1 is in the stack");
    expect(() => sortGone([], ["pds-2"], [], recorded, model)).toThrow("nothing is recorded of such a host");
  });

  it("is reported with its units", () => {
    const [text] = goneWarnings(waiting, "op");
    expect(text).toContain("no route to host. When it runs, it runs rabbitmq-server.service, warren-watcher.service. ");
    expect(text).toContain("./warren up -s op --forget dd-9");
    expect(goneWarnings(leaving, "op")).toEqual([expect.stringContaining("nothing on it was stopped or removed")]);
  });
});

describe("its resources", () => {
  async function declared(what: typeof waiting | typeof leaving): Promise<Map<string, Registered>> {
    const registered = await recordRegistrations();
    declareGone(what, recorded, model);
    const expected = steps.length + copies.length + objects.length + 3;
    await vi.waitFor(() => expect(registered).toHaveLength(expected));
    return new Map(registered.map((one) => [`${one.type} ${one.name}`, one]));
  }

  it("keep what the state has, in an order, and its broker's objects go with the broker", async () => {
    const all = await declared(waiting);
    for (const [index, name] of steps.entries()) {
      const step = all.get(`command:remote:Command ${name}`);
      expect(step).toMatchObject({ inputs: {}, ignoreChanges: ["*"], parent: "dd-9", isRetained: false });
      expect(step?.dependencies).toEqual(index === 0 ? [] : [steps[index - 1]]);
    }
    expect(all.get("command:remote:CopyToRemote dd-9 /opt/x copy")).toMatchObject({ inputs: {}, ignoreChanges: ["*"] });
    for (const [type, name] of objects) {
      const object = all.get(`${type} ${name}`);
      expect(object).toMatchObject({ parent: "public", deletedWith: "dd-9 rabbitmq-server.service" });
      expect(object?.isRetained).toBe(type.endsWith(":Queue"));
    }
  });

  it("leave the state without a connection when the host is forgotten", async () => {
    const all = await declared(leaving);
    const made = [...all.values()].filter(({ type }) => !type.startsWith("warren:"));
    expect(made.map(({ isRetained }) => isRetained)).not.toContain(false);
  });
});

it("the record keeps the host, its steps and its cluster until it has left", () => {
  const kept = { "dd-9 /etc/hosts": { digest: "d", repair: "" }, "pds-1 /etc/hosts": { digest: "e", repair: "" } };
  expect(recordOfGone(leaving, recorded, kept, model)).toEqual({
    inventory: { hosts: recorded.hosts, clusters: { public: recorded.clusters.public } },
    steps: { "dd-9 /etc/hosts": kept["dd-9 /etc/hosts"] },
    forgotten: ["dd-9"],
  });
  expect(recordOfGone({ waiting: [], leaving: [] }, recorded, kept, model).inventory).toEqual({
    hosts: {},
    clusters: {},
  });
});
