import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalBroker, type LocalBrokerPorts, startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import { declareAnswer } from "../../tests/rigs/declare-answer.ts";
import { type CertificateFiles, makeCertificate } from "../../tests/rigs/test-certificates.ts";
import { parseStackConfig } from "../config/index.ts";
import { definitionsFile } from "./broker-settings.ts";
import { contentOf, fixtureSecrets, hostOf } from "./fixture.ts";
import { ownPermissions } from "./permissions.ts";
import { brokerCertificateFile } from "./tls.ts";

// The file of a 3.10 member, as the model makes it, read by a real broker: settings that old clients need, all at once. Not shown here: a
// cluster (the acceptance tests have some) and 4.0.

let folder: string;
let certificate: CertificateFiles;
let broker: LocalBroker;
let httpsPort = 0;

/** The file of a broker with one member, with the test's own ports and paths. */
function configurationOf(ports: LocalBrokerPorts): string {
  httpsPort = ports.amqps + 1;
  const broker = {
    ...{ members: ["bunny1"], series: "3.10", port: ports.amqp, tlsPort: ports.amqps, plainText: false },
    ldap: {
      ...{ servers: ["127.0.0.1"], port: 9, encryption: "none", log: "compatible" },
      userDnPattern: `uid=\${username},ou=People,ou=depot,dc=ec,dc=gc,dc=ca`,
    },
    management: { port: httpsPort, plainPort: ports.management, address: "127.0.0.1" },
  };
  const values = {
    ssh: { user: "root", privateKeyFile: "keys/id_ed25519" },
    hosts: { bunny1: { address: "192.0.2.1", roles: ["bunny"] } },
    brokers: { bunny: broker },
    announcements: { broker: "bunny" },
    secrets: fixtureSecrets,
  };
  const host = hostOf("bunny1", parseStackConfig(values, "the stack"));
  return contentOf(host, "/etc/rabbitmq/rabbitmq.config")
    .replaceAll(definitionsFile, join(folder, "definitions.json"))
    .replaceAll(brokerCertificateFile, join(folder, "server.pem"));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-broker-files-"));
  certificate = await makeCertificate(folder, "own", ["IP:127.0.0.1"]);
  const both = await Promise.all([certificate.certificateFile, certificate.keyFile].map((file) => readFile(file)));
  await writeFile(join(folder, "server.pem"), Buffer.concat(both));
  await writeFile(join(folder, "definitions.json"), contentOf(hostOf("bunny1"), definitionsFile));
  const plugins = ["rabbitmq_auth_backend_ldap"];
  broker = await startLocalBroker({ tls: certificate, configuration: configurationOf, plugins });
});
afterAll(async () => {
  await broker?.stop();
  await rm(folder, { recursive: true, force: true });
});

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const root = basic("root", fixtureSecrets.passwords.root);

test("management answers over HTTP and HTTPS at once", async () => {
  expect((await fetch(`${broker.managementUrl}/api/overview`, { headers: root })).status).toBe(200);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = { port: httpsPort, path: "/api/overview", headers: root };
    readFile(certificate.caFile)
      .then((ca) => request({ host: "127.0.0.1", ca, ...options }, (answer) => resolve(answer.statusCode)).end())
      .catch(reject);
  });
  expect(status).toBe(200);
});

test("the broker starts with {log, true} and {network, true} as they were, and authenticates its own users", async () => {
  for (const key of ["log", "network"])
    expect(await broker.evaluate(`application:get_env(rabbitmq_auth_backend_ldap, ${key})`)).toBe("{ok,{ok,true}}");
});

const put = async (path: string, body: object) =>
  (await fetch(`${broker.managementUrl}/api/${path}`, { method: "PUT", headers: root, body: JSON.stringify(body) })).ok;

test("gives a user with `permissions: compatible` the old rights: cmc… and xpublic…, and nothing else", async () => {
  const password = "peter-of-the-tests";
  expect(await put("users/peter", { password, tags: "" })).toBe(true);
  expect(await put("permissions/%2F/peter", ownPermissions("compatible"))).toBe(true);
  const connection = await connect({ hostname: "127.0.0.1", port: broker.amqpPort, username: "peter", password });
  expect(await declareAnswer(connection, "cmc.peter")).toBe("allowed");
  expect(await declareAnswer(connection, "xpublic.peter")).toBe("allowed");
  expect(await declareAnswer(connection, "q_peter")).toBe("refused");
  await connection.close();
});

test("guest with `permissions: all` and without a tag uses the broker from its own host, and not the management API", async () => {
  const [guest, password] = ["guest", fixtureSecrets.passwords.guest];
  const put = async (path: string, body: object) =>
    (await fetch(`${broker.managementUrl}/api/${path}`, { method: "PUT", headers: root, body: JSON.stringify(body) }))
      .ok;
  expect(await put("users/guest", { password, tags: "" })).toBe(true);
  const login = () => connect({ hostname: "127.0.0.1", port: broker.amqpPort, username: guest, password });
  await expect(login(), "no permissions, as by default").rejects.toThrow(/ACCESS.REFUSED|NOT.ALLOWED|ConnectionClose/);
  expect(await put("permissions/%2F/guest", ownPermissions("all"))).toBe(true);
  const connection = await login();
  const channel = await connection.createChannel();
  await channel.assertExchange("cmc", "topic");
  await connection.close();
  const asked = await fetch(`${broker.managementUrl}/api/overview`, { headers: basic(guest, password) });
  expect(asked.status).toBe(401);
});

test("stops in less than the five seconds that the management plugin would add, after what its unit does first", async () => {
  const dropIn = contentOf(hostOf("wxo-b1"), "/etc/systemd/system/rabbitmq-server.service.d/warren.conf");
  const expression = /^ExecStop=-.* eval "(.+)\."$/m.exec(dropIn)?.[1] ?? "";
  expect(await broker.evaluate(expression)).toBe("{ok,ok}");
  const began = performance.now();
  await broker.shutdown();
  expect(performance.now() - began).toBeLessThan(5000);
});
