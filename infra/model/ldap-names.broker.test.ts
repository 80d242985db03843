import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { poll } from "../../scripts/lib/poll.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { type LocalBroker, type LocalBrokerPorts, startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import { declareAnswer } from "../../tests/rigs/declare-answer.ts";
import { findProgram, slapd } from "../../tests/rigs/unpacked-program.ts";
import { parseStackConfig } from "../config/index.ts";
import { definitionsFile } from "./broker-settings.ts";
import { contentOf, fixtureSecrets, hostOf } from "./fixture.ts";
import { permissionsOf } from "./permissions.ts";

// A real directory, whose entries have the names of the broker's own users, and a 3.10 broker with the file that the model makes. Tests on the
// labs' hosts cover TLS and 4.0.

const run = promisify(execFile);
const people = "ou=People,dc=gc,dc=ca";
const directoryPassword = "from-the-directory";
const names = ["michel", "feeder", "root", "nobody"];
let folder: string;
let server: ChildProcess;
let broker: LocalBroker;
let ldapPort = 0;

async function startDirectory(): Promise<void> {
  const { command, env } = await findProgram(slapd);
  const prefix = command.slice(0, -slapd.installed.length);
  const data = join(folder, "data");
  await mkdir(data);
  const schemas = ["core", "cosine", "inetorgperson"].map((name) => `include ${prefix}/etc/ldap/schema/${name}.schema`);
  const lines = [
    ...schemas,
    `modulepath ${prefix}/usr/lib/ldap`,
    "moduleload back_mdb",
    `pidfile ${join(folder, "slapd.pid")}`,
    "disallow bind_anon",
    "database mdb",
    'suffix "dc=gc,dc=ca"',
    `directory ${data}`,
    "access to attrs=userPassword by anonymous auth by * none",
    "access to * by users read by * none",
  ];
  const entries = [
    "dn: dc=gc,dc=ca\nobjectClass: organization\nobjectClass: dcObject\no: warren\ndc: gc",
    `dn: ${people}\nobjectClass: organizationalUnit\nou: People`,
    ...names.map(
      (name) =>
        `dn: uid=${name},${people}\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: ${name}\nsn: ${name}\nuserPassword: ${directoryPassword}`,
    ),
  ];
  const [config, ldif] = [join(folder, "slapd.conf"), join(folder, "entries.ldif")];
  await writeFile(config, `${lines.join("\n")}\n`);
  await writeFile(ldif, `${entries.join("\n\n")}\n`);
  const options = { env: { ...process.env, ...env } };
  await run(command, ["-Tadd", "-q", "-f", config, "-l", ldif], options);
  ldapPort = await freePort();
  server = spawn(command, ["-h", `ldap://127.0.0.1:${ldapPort}/`, "-f", config, "-d", "0"], {
    ...options,
    stdio: "ignore",
  });
  await poll(answers, { everyMs: 50 });
}

async function answers(): Promise<boolean> {
  const socket = connectSocket(ldapPort, "127.0.0.1");
  return once(socket, "connect")
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy());
}

function configurationOf(ports: LocalBrokerPorts): string {
  const values = {
    ssh: { user: "root", privateKeyFile: "keys/id_ed25519" },
    hosts: { bunny1: { address: "192.0.2.1", roles: ["bunny"] } },
    brokers: {
      bunny: {
        ...{ members: ["bunny1"], series: "3.10", port: ports.amqp, tls: false },
        ldap: {
          servers: ["127.0.0.1"],
          port: ldapPort,
          encryption: "none",
          userDnPattern: `uid=\${username},${people}`,
        },
        users: {
          michel: { ldap: true, permissions: { configure: "^q_michel", write: "^q_michel", read: "^q_michel" } },
        },
        management: { port: ports.management, address: "127.0.0.1" },
      },
    },
    announcements: { broker: "bunny" },
    secrets: fixtureSecrets,
  };
  const host = hostOf("bunny1", parseStackConfig(values, "the stack"));
  return contentOf(host, "/etc/rabbitmq/rabbitmq.config").replaceAll(definitionsFile, join(folder, "definitions.json"));
}

const headers = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const put = async (path: string, body: object): Promise<void> => {
  const options = {
    method: "PUT",
    headers: headers("root", fixtureSecrets.passwords.root),
    body: JSON.stringify(body),
  };
  expect((await fetch(`${broker.managementUrl}/api/${path}`, options)).ok, path).toBe(true);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-ldap-names-"));
  await startDirectory();
  await writeFile(join(folder, "definitions.json"), contentOf(hostOf("bunny1"), definitionsFile));
  broker = await startLocalBroker({ configuration: configurationOf, plugins: ["rabbitmq_auth_backend_ldap"] });
  await put("users/feeder", { password: fixtureSecrets.passwords.feeder, tags: "" });
  await put("permissions/%2F/feeder", permissionsOf("safe").feeder);
  await put("users/michel", { password_hash: "", tags: "" });
  await put("permissions/%2F/michel", { configure: "^q_michel", write: "^q_michel", read: "^q_michel" });
});
afterAll(async () => {
  await broker?.stop();
  server?.kill();
  if (server && server.exitCode === null) await once(server, "exit");
  await rm(folder, { recursive: true, force: true });
});

const login = (username: string, password: string) =>
  connect({ hostname: "127.0.0.1", port: broker.amqpPort, username, password });

test("an LDAP user logs in with the directory's password, and has the broker's permissions", async () => {
  const connection = await login("michel", directoryPassword);
  expect(await declareAnswer(connection, "q_michel.radar")).toBe("allowed");
  expect(await declareAnswer(connection, "cmc.urp.pull")).toBe("refused");
  await connection.close();
});

test("nobody can log in with the password of a directory entry that has the name of one of the broker's own users", async () => {
  const own = await login("feeder", fixtureSecrets.passwords.feeder);
  await own.close();
  for (const name of ["feeder", "root", "nobody"]) {
    await expect(login(name, directoryPassword), name).rejects.toThrow(/ACCESS.REFUSED|NOT.ALLOWED|ConnectionClose/);
  }
});

test("nor does it open the management API, unless the broker's own user has a tag", async () => {
  const status = async (user: string, password: string) =>
    (await fetch(`${broker.managementUrl}/api/whoami`, { headers: headers(user, password) })).status;
  for (const name of ["feeder", "nobody"]) expect(await status(name, directoryPassword), name).toBe(401);
  // RabbitMQ's management API asks for a user's tags, not for access to a vhost: see docs/limits.md.
  expect(await status("root", directoryPassword)).toBe(200);
});
