import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { fixtureModel } from "../model/fixture.ts";
import type { ClusterModel, EnvironmentModel } from "../model/types.ts";
import { type MemberView, observeBrokers, type Silent } from "./broker.ts";
import { objectDrift, unmanagedObjects } from "./broker-drift.ts";

// A real broker for answers, and fake members that fail.

const [fixture] = fixtureModel().clusters as [ClusterModel];
let broker: LocalBroker;
let hung: Server;
let strange: Server;
beforeAll(async () => {
  broker = await sharedBroker();
  hung = createServer(() => {}).listen(0, "127.0.0.1");
  strange = createServer((_, response) => response.end("<html>")).listen(0, "127.0.0.1");
});
afterAll(async () => {
  for (const server of [hung, strange]) {
    server.closeAllConnections();
    server.close();
  }
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function asked(port: number, password = broker.adminPassword): Promise<MemberView | Silent | undefined> {
  const cluster: ClusterModel = {
    ...fixture,
    members: [{ host: "one", address: "127.0.0.1" }],
    management: { scheme: "http", port },
    administrator: { name: broker.adminUser, password },
  };
  const model: EnvironmentModel = { stack: "no-such-stack", hosts: [], clusters: [cluster], virtualIps: [] };
  return (await observeBrokers(model, tmpdir())).get(cluster.name)?.get("one");
}
const api = (method: string, path: string, body?: object) =>
  fetch(`${broker.managementUrl}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
const managementPort = () => Number(new URL(broker.managementUrl).port);

describe("observeBrokers", () => {
  it("reads nodes, users, permissions, policies, exchanges, queues and bindings of a real broker", async () => {
    await api("PUT", "users/feeder", { password: "feeder-of-the-tests", tags: "" });
    await api("PUT", "permissions/%2F/feeder", { configure: "", write: ".*", read: ".*" });
    await api("PUT", "exchanges/%2F/cmc", { type: "topic", durable: true });
    await api("PUT", "queues/%2F/cmc.by.hand", { durable: true, arguments: { "x-max-length": 7 } });
    await api("POST", "bindings/%2F/e/cmc/q/cmc.by.hand", { routing_key: "v00.#" });
    await api("PUT", "policies/%2F/ha-all", { pattern: "^x", definition: { "max-length": 9 }, "apply-to": "queues" });
    const view = await asked(managementPort());
    if (!view || "silent" in view) throw new Error(view?.silent);
    // The broker reports its plugins five seconds after its start.
    expect(view.nodes).toMatchObject([{ running: true }]);
    const { objects } = view;
    expect(objects.queues).toMatchObject([{ name: "cmc.by.hand", arguments: { "x-max-length": 7 } }]);
    expect(objects.bindings).toEqual([{ vhost: "/", exchange: "cmc", queue: "cmc.by.hand", key: "v00.#" }]);
    const texts = objectDrift(fixture, objects).map(({ thing, difference }) => `${thing}: ${difference}`);
    expect(texts).toEqual(
      expect.arrayContaining([
        'permissions of feeder: configure "" instead of ".*"',
        "exchange xpublic: is gone",
        "policy ha-all: pattern ^x instead of ^cmc\\.",
        'policy ha-all: definition {"max-length":9} instead of {"ha-mode":"all","ha-sync-mode":"automatic"}',
      ]),
    );
    // Password, tags and type match the model.
    expect(texts.join("\n")).not.toMatch(/user feeder|exchange cmc:/);
    expect(unmanagedObjects(fixture, objects)).toEqual(
      expect.arrayContaining([`user ${broker.adminUser} [administrator]`, "queue cmc.by.hand"]),
    );
  });

  it("returns the reason for a member that gives no answer, in time", async () => {
    const began = performance.now();
    const answers = await Promise.all([
      asked(9),
      asked(portOf(hung)),
      asked(portOf(strange)),
      asked(managementPort(), "another"),
    ]);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(answers).toEqual([
      { silent: expect.stringMatching(/ECONNREFUSED/), loginRefused: false },
      { silent: "no answer within 5 s", loginRefused: false },
      { silent: "the answer is not JSON", loginRefused: false },
      { silent: `refuses the login of ${broker.adminUser}`, loginRefused: true },
    ]);
  });
});
