import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../../tests/rigs/shared-broker.ts";
import { startProvider } from "../lib/provider-client.ts";
import { secret, unknown } from "../lib/values.ts";
import { type Conformance, main, startConformance } from "./conformance.ts";

const exchange = "rabbitmq:index/exchange:Exchange";
const user = "rabbitmq:index/user:User";

describe("the provider", () => {
  let broker: LocalBroker;
  let rabbit: Conformance;
  beforeAll(async () => {
    broker = await sharedBroker();
    rabbit = await startConformance(broker);
  });
  afterAll(async () => {
    await rabbit?.stop();
  });
  const login = () => ({
    endpoint: broker.managementUrl,
    username: broker.adminUser,
    password: secret(broker.adminPassword),
  });

  it("waits for a broker that is down for a moment", async () => {
    let refusals = 3;
    const door = createServer((socket) => {
      if (refusals-- > 0) return socket.destroy();
      pipeline(socket, connect(Number(new URL(broker.managementUrl).port), "127.0.0.1"), socket, () => {});
    }).listen(0, "127.0.0.1");
    await once(door, "listening");
    const { port } = door.address() as AddressInfo;
    const waiting = await startConformance({
      managementUrl: `http://127.0.0.1:${port}`,
      adminUser: broker.adminUser,
      adminPassword: broker.adminPassword,
    });
    try {
      expect((await waiting.make(user, { name: "patient", password: "x" })).id).toBe("patient");
      expect(refusals).toBeLessThan(0);
    } finally {
      await waiting.stop();
      door.close();
    }
  });

  it("is previewed with an address that is not known yet, which is an error only when it is needed", async () => {
    const provider = await startProvider(main, { ...login(), endpoint: unknown });
    try {
      const { inputs } = await provider.check(user, { name: "later", password: "x" });
      expect((await provider.create(user, inputs, { preview: true })).outputs).toMatchObject({ name: "later" });
      await expect(provider.read(user, "later")).rejects.toThrow("depends on a resource that has not been created yet");
    } finally {
      await provider.stop();
    }
  });

  it("names a missing setting, and one that is no URL", async () => {
    await expect(startProvider(main, { endpoint: "bunny1:15672", username: "x" })).rejects.toThrow(
      /rabbitmq: endpoint: expected a URL such as http:\/\/bunny1:15672.*rabbitmq: password: is required/s,
    );
  });

  it("reads the CA's file when it needs it, because a stack's first run in a checkout writes it only then", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-ca-"));
    const cacertFile = join(folder, "ca.pem");
    const provider = await startProvider(main, { ...login(), cacertFile });
    try {
      await expect(provider.read(exchange, "amq.topic@/")).rejects.toThrow(
        /cacertFile: .*ca\.pem isn't there yet; .*run again/,
      );
      writeFileSync(cacertFile, "");
      expect((await provider.read(exchange, "amq.topic@/")).id).toBe("amq.topic@/");
    } finally {
      await provider.stop();
      rmSync(folder, { recursive: true });
    }
  });

  it("reports a wrong password, and a user without the tag, without revealing the password", async () => {
    await rabbit.make(user, { name: "plain", password: "a-plain-password" });
    const attempt = async (username: string, password: string) => {
      const provider = await startProvider(main, { ...login(), username, password: secret(password) });
      try {
        return await provider.read(exchange, "amq.topic@/").then(String, (error: Error) => error.message);
      } finally {
        await provider.stop();
      }
    };
    const wrong = await attempt(broker.adminUser, "not-the-password");
    expect(wrong).toMatch(
      /exchange "amq.topic" in vhost "\/": the broker answered 401 to GET: .*check the provider's username and password/,
    );
    expect(wrong).not.toContain("not-the-password");
    expect(await attempt("plain", "a-plain-password")).toMatch(/401 .*needs the tag administrator/);
  });
});
