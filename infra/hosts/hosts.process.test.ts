import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { and, run, to } from "../commands/command.ts";
import { type Sshd, startSshd } from "../plugins/command/sshd.ts";
import { act, actSecretly } from "./act.ts";
import { connect, type Hosts } from "./connect.ts";
import { follow } from "./follow.ts";
import { transfer } from "./ssh.ts";
import { openTunnel } from "./tunnel.ts";

// Real sshd and ssh on this machine, which acts as the host. `ask` is tested in observe.process.test.ts.

const timeoutMs = 8000;
let folder: string;
let sshd: Sshd;
let hosts: Hosts;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "warren-hosts-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  // The test's user may lack root, and doesn't need it.
  writeFileSync(join(bin, "sudo"), '#!/bin/sh\nshift\nexec "$@"\n');
  chmodSync(join(bin, "sudo"), 0o755);
  sshd = await startSshd(["ListenAddress 127.0.0.4", `SetEnv PATH=${bin}:/usr/sbin:/usr/bin:/sbin:/bin`]);
  const connection = {
    host: "one",
    address: "127.0.0.1",
    port: sshd.port,
    user: userInfo().username,
    privateKeyFile: join(sshd.folder, "user"),
    hostKey: sshd.hostKey,
    dialTimeoutSeconds: 5,
  };
  hosts = await connect({ stack: "test", hosts: [{ name: "one", connection }] }, folder);
});
afterAll(async () => {
  await sshd.stop();
  rmSync(folder, { recursive: true });
});

it("transfers bytes to and from a script completely", async () => {
  const input = Buffer.concat([randomBytes(300_000), Buffer.from("\r\n\n")]);
  const { exitCode, stdout } = await transfer(hosts.connectionTo("one"), "cat; exit 3", { input, timeoutMs });
  expect([exitCode, stdout.equals(input)]).toEqual([3, true]);
});

it("gives the host's last line as the reason, without terminal control sequences", async () => {
  const script = "echo first >&2; printf 'no \\033[2J room\\n' >&2; exit 1";
  const { why } = await transfer(hosts.connectionTo("one"), script, { timeoutMs });
  expect(why).toBe("no \\x1b[2J room");
});

it("stops a transfer that takes too long or is aborted", async () => {
  const sleep = (options: { timeoutMs: number; signal?: AbortSignal }) =>
    transfer(hosts.connectionTo("one"), "exec sleep 60", options);
  // Over a shared connection the command continues on the host. It is not waited for.
  expect(await sleep({ timeoutMs: 500 })).toMatchObject({ why: "no answer within 0.5 s" });
  expect((await sleep({ timeoutMs, signal: AbortSignal.timeout(500) })).exitCode).not.toBe(0);
});

it("runs a command to its end and returns its output, or why it failed", async () => {
  const done = (...argv: string[]) => act(hosts, { host: "one", title: "", command: run(...argv), timeoutSeconds: 5 });
  expect(await done("echo", "it's", "$HOME")).toEqual({ output: "it's $HOME" });
  expect(await done("sh", "-c", "echo no room >&2; exit 2")).toEqual({ why: "no room" });
});

it("runs a command with a secret that is in no process's arguments, and cleans up even if it fails", async () => {
  const file = join(folder, "secret");
  const command = and(
    to(file, run("printf", "%s", "hush")),
    run("sh", "-c", `tr '\\0' ' ' </proc/$PPID/cmdline; wc -c <${file}; exit 3`),
  );
  const ended = await actSecretly(hosts, { host: "one", command, remove: run("rm", file), timeoutMs });
  expect(ended).toEqual({ exitCode: 3, output: "sh -s 4" });
  expect(existsSync(file)).toBe(false);
});

it("passes on lines as they come, until it is aborted", async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const script = "echo begun\ncat >/dev/null\necho ended\nexit\n";
  const why = await follow(hosts.connectionTo("one"), script, stop.signal, (line) => {
    lines.push(line);
    stop.abort();
  });
  expect([lines, why]).toEqual([["begun", "ended"], "ssh exited with code 0"]);
});

it("forwards a private socket to a port of the host's loopback", async () => {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const tunnel = await openTunnel(hosts.connectionTo("one"), typeof address === "object" ? (address?.port ?? 0) : 0);
  const socket = dial(tunnel.path);
  socket.write("a word");
  expect(String((await once(socket, "data"))[0])).toBe("a word");
  socket.end();
  await tunnel.close();
  await new Promise((resolve) => server.close(resolve));
});
