import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { poll } from "../../scripts/lib/poll.ts";
import { answersAmqp } from "../../scripts/traffic/amqp-probe.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { startSweeper } from "../../scripts/traffic/local-broker-process.ts";
import { findRabbitmqBinaries, type RabbitmqBinaries, vmEnvironment } from "../../scripts/traffic/rabbitmq-binaries.ts";
import { clearPemCache } from "../commands/rabbitmq.ts";
import { brokerSchema } from "../config/brokers.ts";
import { issueCertificate, makeAuthority } from "../resources/certificate-authority.ts";
import { brokerConfigFiles, distributionFile } from "./broker-files.ts";
import { definitionsFile } from "./broker-settings.ts";
import { contentOf, hostOf } from "./fixture.ts";
import { brokerCertificateFile, type Certificate, caFile } from "./tls.ts";

// Two nodes of 3.10 with the files that the model makes, started and asked by the package's own scripts. Not shown here: 4.0.

const run = promisify(execFile);
const names = ["alpha", "beta"] as const;
const nodeTimeoutMs = 8000;
let folder: string;
let binaries: RabbitmqBinaries;
let authority: Certificate;
let environment: NodeJS.ProcessEnv;
const amqpPorts: Record<string, number | undefined> = {};
const distributionPorts: Record<string, number> = {};
const stops: (() => Promise<unknown>)[] = [];

const certificateOf = async (issuer: Certificate) => {
  const issued = await issueCertificate({ host: "localhost", names: ["localhost"], client: true }, issuer, 30);
  return { ...issued, pair: `${issued.certificate.trim()}\n${issued.key.trim()}\n` };
};
const script = (name: string) => join(binaries.plugins, "../sbin", name);

/** Kills the process when this one has ended, in any way. */
async function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv, directory: string) {
  const sweeper = startSweeper(directory);
  stops.push(async () => {
    const ended = once(sweeper, "exit");
    sweeper.stdin?.end();
    await ended;
  });
  const child = spawn(command, args, { env, cwd: directory, detached: true, stdio: "ignore" });
  await once(child, "spawn");
  sweeper.stdin?.write(`${child.pid}\n`);
}

/** Writes the files of a folder, whose paths replace those of a host. @returns the environment that names them */
async function writeFiles(name: string, pair: string, ports: readonly number[]): Promise<NodeJS.ProcessEnv> {
  const directory = await mkdtemp(join(folder, name));
  const [port, tlsPort, management] = ports;
  const broker = brokerSchema.parse({
    ...{ members: [...names], series: "3.10", port, tlsPort, distributionTls: true },
    management: { port: management, address: "127.0.0.1" },
  });
  const here = (path: string) => join(directory, path.split("/").at(-1) ?? "");
  const moved = (text: string) =>
    [caFile, brokerCertificateFile, distributionFile, definitionsFile]
      .reduce((all, path) => all.replaceAll(path, here(path)), text)
      .replace(/rabbit@(alpha|beta)/g, "$1@localhost")
      // On a busy test machine, a command needs longer than on hosts.
      .replace(/(net_setuptime, *)7/, (_, setting: string) => `${setting}60`);
  for (const { path, content } of brokerConfigFiles("bunny", broker, nodeTimeoutMs)) {
    await writeFile(here(path), moved(content));
  }
  await writeFile(here(caFile), authority.certificate);
  await writeFile(here(brokerCertificateFile), pair);
  await writeFile(here(definitionsFile), contentOf(hostOf("bunny1"), definitionsFile));
  await writeFile(join(directory, "enabled_plugins"), "[].\n");
  return {
    RABBITMQ_NODENAME: `${name}@localhost`,
    RABBITMQ_CONF_ENV_FILE: join(directory, "rabbitmq-env.conf"),
    RABBITMQ_CONFIG_FILE: join(directory, "rabbitmq"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, "enabled_plugins"),
    RABBITMQ_MNESIA_BASE: join(directory, "data"),
    RABBITMQ_LOG_BASE: join(directory, "log"),
    RABBITMQ_GENERATED_CONFIG_DIR: join(directory, "generated"),
  };
}

/** What the hosts' command evaluates. */
function clearedCaches(): string {
  const command = clearPemCache();
  return command.kind === "run" ? (command.argv.at(-1) ?? "") : "";
}

const nodes: Record<string, NodeJS.ProcessEnv> = {};

/** Runs `rabbitmqctl` against a node. @param env of another configuration than the node's own */
async function control(node: (typeof names)[number], words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { stdout } = await run(script("rabbitmqctl"), ["--quiet", ...words], {
    env: { ...environment, ...nodes[node], ...env },
  });
  return stdout.trim();
}

beforeAll(async () => {
  binaries = await findRabbitmqBinaries();
  folder = await mkdtemp(join(tmpdir(), "warren-distribution-"));
  authority = await makeAuthority("test", 1);
  await mkdir(join(folder, "bin"));
  // Debian's script would use the folder of an installed Erlang.
  await writeFile(join(folder, "bin/erl"), '#!/bin/sh\nexec "$BINDIR/erlexec" "$@"\n');
  await chmod(join(folder, "bin/erl"), 0o755);
  await writeFile(join(folder, ".erlang.cookie"), "COOKIEOFTHETEST", { mode: 0o400 });
  const epmdPort = String(await freePort());
  environment = {
    ...vmEnvironment(binaries, folder),
    PATH: `${folder}/bin:/usr/bin:/bin`,
    ERL_EPMD_PORT: epmdPort,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_CRASH_DUMP_SECONDS: "0",
    // The script becomes the node, so that it can be killed.
    detached: "yes",
  };
  await start(join(binaries.ertsBin, "epmd"), ["-port", epmdPort], environment, folder);
  for (const name of names) {
    const ports = [await freePort(), await freePort(), await freePort()];
    [amqpPorts[name], distributionPorts[name]] = [ports[0], await freePort()];
    const env = await writeFiles(name, (await certificateOf(authority)).pair, ports);
    nodes[name] = { ...env, RABBITMQ_DIST_PORT: String(distributionPorts[name]) };
    await start(script("rabbitmq-server"), [], { ...environment, ...nodes[name] }, await mkdtemp(join(folder, "run-")));
  }
  for (const name of names) await poll(() => answersAmqp("127.0.0.1", amqpPorts[name] ?? 0), { everyMs: 200 });
});
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

test("members form a cluster over TLS, and keep the limit for a lost one", async () => {
  const connected =
    "[N || {N, I} <- element(2, net_kernel:nodes_info()), tls =:= element(4, proplists:get_value(address, I))]";
  const userTimeouts =
    "[V || P <- erlang:ports(), {ok, [{raw, 6, 18, <<V:32/native>>}]} <- [inet:getopts(P, [{raw, 6, 18, 4}])]]";
  const answer = await control("alpha", [
    "eval",
    `{rabbit_mnesia:cluster_nodes(running), ${connected}, ${userTimeouts}}.`,
  ]);
  const [running, byTls, limits] = answer.match(/\[[^\]]*\]/g) ?? [];
  expect(running).toMatch(/alpha@localhost.*beta@localhost|beta@localhost.*alpha@localhost/s);
  expect(byTls).toContain("beta@localhost");
  expect(limits).toContain(String(nodeTimeoutMs - 200));
});

test("a node without TLS is refused, and one with a certificate of another CA, although both have the cookie", async () => {
  const plain = { RABBITMQ_CONF_ENV_FILE: "/nowhere" };
  await expect(control("alpha", ["eval", "ok."], plain)).rejects.toThrow("unable to perform an operation");
  const stranger = await certificateOf(await makeAuthority("stranger", 1));
  const { RABBITMQ_CONF_ENV_FILE } = await writeFiles("alpha", stranger.pair, [1, 2, 3]);
  await expect(control("alpha", ["eval", "ok."], { RABBITMQ_CONF_ENV_FILE })).rejects.toThrow("unable to perform");
  expect(await control("alpha", ["eval", "ok."])).toBe("ok");
});

test("a renewed certificate, of a new CA, is used without a restart", async () => {
  const next = await makeAuthority("test", 2);
  const renewed = await certificateOf(next);
  const fileOf = (path: string) => join(nodes.alpha?.RABBITMQ_CONF_ENV_FILE ?? "", "..", path);
  // In this order on hosts, too: the node would refuse the command line's new certificate before it trusts the new CA.
  await writeFile(fileOf("ca.pem"), `${next.certificate}${authority.certificate}`);
  await control("alpha", ["eval", clearedCaches()]);
  await writeFile(fileOf("server.pem"), renewed.pair);
  await control("alpha", ["eval", clearedCaches()]);
  const socket = connect({
    ...{ host: "localhost", port: distributionPorts.alpha ?? 0, ca: next.certificate },
    ...{ cert: renewed.certificate, key: renewed.key },
  });
  await once(socket, "secureConnect");
  expect(socket.getPeerX509Certificate()?.toString().trim()).toBe(renewed.certificate.trim());
  socket.destroy();
  expect(await control("alpha", ["eval", "ok."])).toBe("ok");
});
