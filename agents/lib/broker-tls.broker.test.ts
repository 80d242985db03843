import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type LocalBroker, startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import { type CertificateFiles, makeCertificate } from "../../tests/rigs/test-certificates.ts";
import { type BrokerSession, openBrokerSession } from "./broker-session.ts";
import { brokerConfig } from "./config.ts";

const log = pino({ level: "silent" });
const topology = { exchanges: [{ name: "cmc", type: "topic" as const }], queues: [] };
let broker: LocalBroker;
let folder: string;
let own: CertificateFiles;
let other: CertificateFiles;
const sessions: BrokerSession[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-tls-"));
  own = await makeCertificate(folder, "own", ["IP:127.0.0.1", "DNS:broker.example"]);
  other = await makeCertificate(folder, "other", ["IP:127.0.0.1"]);
  broker = await startLocalBroker({ tls: own });
  await writeFile(join(folder, "password"), broker.adminPassword);
});
afterAll(async () => {
  await broker?.stop();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close();
});

function open(hosts: readonly string[], caFile: string): BrokerSession {
  const config = brokerConfig.parse({
    hosts,
    tls: { caFile },
    user: broker.adminUser,
    passwordFile: join(folder, "password"),
  });
  const session = openBrokerSession({ config, log, name: "test", topology });
  sessions.push(session);
  return session;
}

const failure = async (session: BrokerSession): Promise<string> => String((await once(session, "failed"))[0]);
const overTls = (name = "127.0.0.1") => `amqps://${name}:${broker.tlsPort}`;

test("a broker with a certificate of the CA, for the configured address, is connected to over TLS", async () => {
  const session = open([overTls()], own.caFile);
  await session.ready();
  expect(session.description).toBe(`connected to ${overTls()}`);
  expect(await session.publish("cmc", "x", Buffer.from("x"))).toBe("returned");
});

test("a certificate of another CA is refused, and the config key is named", async () => {
  const reason = await failure(open([overTls()], other.caFile));
  expect(reason).toMatch(/not signed by a CA in broker\.tls\.caFile \(/);
});

test("a certificate for other names than the configured one is refused", async () => {
  // It resolves to the address that the certificate is for.
  const reason = await failure(open([overTls("localhost")], own.caFile));
  expect(reason).toMatch(/not valid for this name or address: .*broker\.hosts.*\(.*altnames/);
});

test("a port without TLS is reported as such", async () => {
  const reason = await failure(open([`amqps://127.0.0.1:${broker.amqpPort}`], own.caFile));
  expect(reason).toMatch(/does not speak TLS|socket disconnected|ECONNRESET/);
});

test("the CA file is read at each attempt: an exchanged one is trusted without a restart", async () => {
  const caFile = join(folder, "exchanged.pem");
  await copyFile(other.caFile, caFile);
  const session = open([overTls()], caFile);
  expect(await failure(session)).toMatch(/not signed by a CA/);
  await copyFile(own.caFile, caFile);
  await session.ready();
  expect(session.state).toBe("ready");
});

test("a CA file that is missing or has no certificate is reported with its key, and retried", async () => {
  expect(await failure(open([overTls()], join(folder, "none.pem")))).toMatch(
    /broker\.tls\.caFile: can't be read: ENOENT/,
  );
  expect(await failure(open([overTls()], join(folder, "password")))).toMatch(/contains no certificate/);
});

test("hosts with and without TLS may be in one list, and the first that answers is used", async () => {
  const plain = `127.0.0.1:${broker.amqpPort}`;
  const first = open([plain, overTls()], own.caFile);
  await first.ready();
  expect(first.description).toBe(`connected to ${plain}`);
  const second = open(["127.0.0.1:1", overTls()], own.caFile);
  await second.ready();
  expect(second.description).toBe(`connected to ${overTls()}`);
});
