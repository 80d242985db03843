import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import type { ClusterModel } from "../../../infra/model/types.ts";
import { type LocalBroker, startLocalBroker } from "../../traffic/local-broker.ts";
import { importDefinitions, readDefinitions, readMessages } from "./brokers.ts";
import { absent, definitionsSchema, objectNames, undeclared } from "./definitions.ts";

// From one real broker to another one that is empty.

const [fixture] = clusterModels(fixtureConfig()) as [ClusterModel];
let old: LocalBroker;
let fresh: LocalBroker;
beforeAll(async () => {
  const administrator = { adminUser: "root", adminPassword: "root-of-the-tests" };
  // One after the other: two that start at once on a busy machine exceed their timeouts.
  old = await startLocalBroker(administrator);
  fresh = await startLocalBroker(administrator);
  // The management API starts a little later than AMQP.
  for (const broker of [old, fresh]) {
    const answers = async () =>
      expect(await readDefinitions(clusterOf(broker), undefined)).toMatchObject({ member: "one" });
    await vi.waitFor(answers, { timeout: 120_000, interval: 200 });
  }
}, 300_000);
afterAll(() => Promise.all([old?.stop(), fresh?.stop()]));

const clusterOf = (broker: LocalBroker): ClusterModel => ({
  ...fixture,
  members: [
    // Nothing listens there, so the next member is asked.
    { host: "away", address: "127.0.0.9" },
    { host: "one", address: "127.0.0.1" },
  ],
  management: { scheme: "http", port: Number(new URL(broker.managementUrl).port) },
  administrator: { name: broker.adminUser, password: broker.adminPassword },
});

async function api(
  broker: LocalBroker,
  method: string,
  path: string,
  body?: object,
  login?: string,
): Promise<Response> {
  const credentials = login ?? `${broker.adminUser}:${broker.adminPassword}`;
  const response = await fetch(`${broker.managementUrl}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}

async function definitionsOf(broker: LocalBroker) {
  const found = await readDefinitions(clusterOf(broker), undefined);
  if ("why" in found) throw new Error(found.why);
  expect(found.member).toBe("one");
  return definitionsSchema.parse(JSON.parse(found.answer.text));
}

const options = { ca: undefined, signal: AbortSignal.timeout(240_000), withinMs: 20_000 };

describe("definitions of a broker", () => {
  it("are imported into another one: users with their passwords, queues, bindings, policies; a second import changes nothing", async () => {
    await api(old, "PUT", "vhosts/other");
    await api(old, "PUT", "users/partner", { password: "partner-of-the-tests", tags: "management" });
    await api(old, "PUT", "permissions/%2F/partner", { configure: "^q_partner", write: "^q_partner", read: ".*" });
    await api(old, "PUT", "exchanges/%2F/xpublic", { type: "topic", durable: true });
    await api(old, "PUT", "queues/%2F/q_partner.1", { durable: true, arguments: { "x-max-length": 7 } });
    await api(old, "POST", "bindings/%2F/e/xpublic/q/q_partner.1", { routing_key: "exp.dd.notify.#" });
    await api(old, "PUT", "policies/%2F/by-hand", {
      pattern: "^q_",
      definition: { "max-length": 9 },
      "apply-to": "queues",
    });
    const wanted = undeclared(await definitionsOf(old), fixture);
    expect(objectNames(wanted).toSorted()).toEqual([
      "binding xpublic exp.dd.notify.# to queue q_partner.1",
      "permissions of partner",
      "permissions of root in other",
      "policy by-hand",
      "queue q_partner.1",
      "user partner",
      "vhost other",
    ]);
    // `up` has created the config's own exchanges before.
    await api(fresh, "PUT", "exchanges/%2F/xpublic", { type: "topic", durable: true });

    expect(await importDefinitions(clusterOf(fresh), wanted, options)).toEqual({ absent: [] });
    const there = await definitionsOf(fresh);
    expect(absent(wanted, there)).toEqual([]);
    expect(there.queues).toMatchObject([{ name: "q_partner.1", arguments: { "x-max-length": 7 } }]);
    expect((await api(fresh, "GET", "whoami", undefined, "partner:partner-of-the-tests")).status).toBe(200);
    expect(await importDefinitions(clusterOf(fresh), wanted, options)).toEqual({ absent: [] });
    expect(objectNames(await definitionsOf(fresh)).toSorted()).toEqual(objectNames(there).toSorted());
  });

  it("that bind a missing queue are reported, although the broker accepts them silently", async () => {
    const all = await definitionsOf(old);
    const binding = { ...all.bindings[0], destination: "cmc.urp.input" } as (typeof all.bindings)[number];
    const none = { users: [], vhosts: [], permissions: [], policies: [], queues: [], exchanges: [] };
    const result = await importDefinitions(
      clusterOf(fresh),
      { ...all, ...none, global_parameters: [], bindings: [binding] },
      { ...options, withinMs: 0 },
    );
    expect(result.absent).toEqual(["binding xpublic exp.dd.notify.# to queue cmc.urp.input"]);
  });

  it("can't be read if no member answers, and each member is named with its reason", async () => {
    const away = { ...clusterOf(old), members: [{ host: "away", address: "127.0.0.9" }] };
    expect(await readDefinitions(away, undefined)).toEqual({ why: expect.stringMatching(/^away: .*ECONNREFUSED/) });
  });

  it("come with the message count of each queue", async () => {
    await api(old, "POST", "exchanges/%2F/amq.default/publish", {
      ...{ properties: {}, routing_key: "q_partner.1", payload: "x", payload_encoding: "string" },
    });
    await expect
      .poll(async () => readMessages(clusterOf(old), undefined), { timeout: 60_000 })
      .toMatchObject({ answer: { "q_partner.1": 1 } });
  });
});
