import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findProgram, keepalived } from "../../tests/rigs/unpacked-program.ts";
import { notesKeepalived } from "../adopt/fixture.ts";
import { parseStackConfig } from "../config/index.ts";
import { contentOf, hostOf, stackValues } from "./fixture.ts";
import { stateFiles } from "./vrrp-state.ts";

// The requirement's keepalived.conf and the model's, each read by Debian's keepalived in a network namespace of its own, on one segment. Needs
// root. Not shown here: the check of a broker, which both files run as a script and here is a test for a file.

const address = "192.0.2.59";
/** The requirement's text without its first line, which is prose; with the test's own address and script. */
const oldText = notesKeepalived
  .slice(notesKeepalived.indexOf("\n") + 1)
  .replace("142.135.12.59", address)
  .replace("killall -0 rabbitmq-server", "/bin/true");
/** Seconds of preempt_delay in both texts. */
const preemptDelaySeconds = 5;

const spaces = { old: `wk-old-${process.pid}`, own: `wk-own-${process.pid}` } as const;
type Host = keyof typeof spaces;
const bytes = { old: 1, own: 2 } as const;

let folder: string;
let running: Partial<Record<Host, ChildProcess>> = {};
/** States of each keepalived, in order, with their times in milliseconds. */
let states: Record<Host, { readonly state: string; readonly atMs: number }[]>;
let logged: string[];

/** Only the network is another one: `ip netns exec` would also mount /sys again. */
const netOf = (host: Host) => `--net=/run/netns/${spaces[host]}`;
const inside = (host: Host, ...argv: string[]) => execa("nsenter", [netOf(host), ...argv]);

beforeEach(async () => {
  running = {};
  states = { old: [], own: [] };
  logged = [];
  // keepalived refuses scripts in folders that others may write to.
  mkdirSync("/run/warren-test", { recursive: true });
  folder = mkdtempSync("/run/warren-test/vrrp-");
  for (const host of ["old", "own"] as const) await execa("ip", ["netns", "add", spaces[host]]);
  const own = ["peer", "name", "eth0", "netns", spaces.own];
  await execa("ip", ["link", "add", "eth0", "netns", spaces.old, "type", "veth", ...own]);
  for (const host of ["old", "own"] as const) {
    await inside(host, "ip", "address", "add", `192.0.2.${bytes[host]}/24`, "dev", "eth0");
    await inside(host, "ip", "link", "set", "lo", "up");
    await inside(host, "ip", "link", "set", "eth0", "up");
  }
});
afterEach(async () => {
  await Promise.all((["old", "own"] as const).map(stop));
  for (const space of Object.values(spaces)) await execa("ip", ["netns", "del", space], { reject: false });
  rmSync(folder, { recursive: true, force: true });
});

/** The model's file for the host with the lower priority, with the test's address, script and folders. */
function ownText(change: object): string {
  const values = stackValues("lab");
  const vips = values.virtualIps as Record<string, object>;
  Object.assign(vips["bunny-op"] ?? {}, { address, ...change });
  const text = contentOf(hostOf("bunny2", parseStackConfig(values, "lab")), "/etc/keepalived/keepalived.conf");
  const moved = Object.values(stateFiles).reduce(
    (now, file) => now.replaceAll(file, join(folder, file.replaceAll("/", "_"))),
    text,
  );
  return moved
    .replace(/script ".*amqp-check.*"/, 'script "/bin/true"')
    .replace("script_user keepalived_script", "script_user root")
    .replace(/(vrrp_notify_fifo \S+) keepalived_script/, "$1")
    .replace(/unicast_src_ip \S+/, `unicast_src_ip 192.0.2.${bytes.own}`)
    .replace(/(unicast_peer \{\s+)\S+/, `$1192.0.2.${bytes.old}`);
}

async function start(host: Host, text: string): Promise<void> {
  const file = join(folder, `${host}.conf`);
  writeFileSync(file, text);
  for (const path of Object.values(stateFiles)) {
    const own = join(folder, path.replaceAll("/", "_"));
    if (path === stateFiles.fifo) await execa("mkfifo", [own], { reject: false });
    else writeFileSync(own, "0\n");
  }
  const { command, env } = await findProgram(keepalived);
  const pids = ["--pid", join(folder, `${host}.pid`), "--vrrp_pid", join(folder, `${host}-vrrp.pid`)];
  const argv = [command, "--dont-fork", "--log-console", "--vrrp", "--use-file", file, ...pids];
  const child = spawn("nsenter", [netOf(host), ...argv], { env: { ...process.env, ...env } });
  running[host] = child;
  child.once("exit", (code, signal) => logged.push(`${host}: ended (${signal ?? code})`));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      logged.push(`${host}: ${line}`);
      const state = /Entering (\w+) STATE/.exec(line)?.[1];
      if (state) states[host].push({ state, atMs: performance.now() });
    });
  }
}

async function stop(host: Host): Promise<void> {
  const child = running[host];
  delete running[host];
  if (!child || child.exitCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

const stateOf = (host: Host) => states[host].at(-1)?.state;

async function holders(): Promise<Host[]> {
  const held = async (host: Host) => (await inside(host, "ip", "-brief", "address", "show", "eth0")).stdout;
  const all = await Promise.all((["old", "own"] as const).map(async (host) => [host, await held(host)] as const));
  return all.filter(([, text]) => text.includes(`${address}/`)).map(([host]) => host);
}

/** Resolves when the keepalived of each host is in this state, and those in state MASTER have the address. */
async function settled(expected: Partial<Record<Host, string>>): Promise<void> {
  const hosts = Object.keys(expected) as Host[];
  const now = () => Object.fromEntries(hosts.map((host) => [host, stateOf(host)]));
  await expect
    .poll(now, { timeout: 60_000 })
    .toEqual(expected)
    .catch((error: Error) => {
      throw new Error(`${error.message}; logged:\n${logged.join("\n")}`);
    });
  await expect.poll(holders, { timeout: 10_000 }).toEqual(hosts.filter((host) => expected[host] === "MASTER"));
}

const oldStart = () => start("old", oldText);

test("with `vrrp2` the old text and ours share an address: one holds it, and priority, preempt_delay and a lost interface move it", async () => {
  await oldStart();
  await settled({ old: "MASTER" });
  await start("own", ownText({ vrrp2: { authPass: "bunop" } }));
  await settled({ old: "MASTER", own: "BACKUP" });

  await stop("old");
  await settled({ own: "MASTER" });

  await oldStart();
  await settled({ old: "MASTER", own: "BACKUP" });
  const [from, to] = states.old.slice(-2);
  expect([from?.state, to?.state]).toEqual(["BACKUP", "MASTER"]);
  expect((to?.atMs ?? 0) - (from?.atMs ?? 0)).toBeGreaterThan(preemptDelaySeconds * 1000 - 500);

  // Both ends of the pair lose their carrier, so only the side with the cut interface is judged.
  await inside("old", "ip", "link", "set", "eth0", "down");
  await expect.poll(() => stateOf("old"), { timeout: 60_000 }).toBe("FAULT");
});

test("without `vrrp2` both hold the address, because neither version hears the other", async () => {
  await oldStart();
  await start("own", ownText({}));
  await settled({ old: "MASTER", own: "MASTER" });
});

test("another password is refused, so both hold the address", async () => {
  await oldStart();
  await start("own", ownText({ vrrp2: { authPass: "other" } }));
  await settled({ old: "MASTER", own: "MASTER" });
});
