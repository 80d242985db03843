import { connect } from "amqplib";
import { beforeAll, expect, it } from "vitest";
import { sharedBroker } from "../../../tests/rigs/shared-broker.ts";
import type { LocalBroker } from "../../traffic/local-broker.ts";
import { logIn } from "./amqp-login.ts";
import { namesOf } from "./login.ts";

// A real broker: only it shows how it refuses a login, and whether it keeps connections opened with a previous password.

let broker: LocalBroker;
beforeAll(async () => {
  broker = await sharedBroker();
});

const api = (path: string, body?: object) =>
  fetch(`${broker.managementUrl}/api/${path}`, {
    method: body ? "PUT" : "GET",
    headers: {
      authorization: `Basic ${Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

it("distinguishes an accepted login from a refused one, even for a user without permissions, and lists who stays connected", async () => {
  const [hostname, port] = ["127.0.0.1", broker.amqpPort];
  const place = { host: "one", address: hostname, port, secure: false };
  const login = (user: string, password: string) => logIn(place, user, password, undefined);
  await api("users/feeder", { password: "the-former-one", tags: "" });
  await api("permissions/%2F/feeder", { configure: ".*", write: ".*", read: ".*" });
  await api("users/guarded", { password: "the-only-one", tags: "" });
  const address = { hostname, port, username: "feeder", password: "the-former-one" };
  const staying = await connect(address, { clientProperties: { connection_name: "puller@pds-1" } });
  await api("users/feeder", { password: "the-new-one", tags: "" });
  expect([await login("feeder", "the-former-one"), await login("feeder", "the-new-one")]).toEqual([
    "refused",
    "accepted",
  ]);
  expect([await login("guarded", "the-only-one"), await login("guarded", "none")]).toEqual(["accepted", "refused"]);
  expect(await logIn({ ...place, port: 1 }, "feeder", "the-new-one", undefined)).toEqual({
    silent: expect.stringContaining("ECONNREFUSED"),
  });
  // The broker's list of connections lags a little.
  await expect
    .poll(
      async () => {
        const answer = await api("connections?columns=user,peer_host,client_properties.connection_name");
        return namesOf(await answer.json());
      },
      { timeout: 60_000 },
    )
    .toEqual([{ user: "feeder", client: "puller@pds-1 from 127.0.0.1" }]);
  await staying.close();
});
