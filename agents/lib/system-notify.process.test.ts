import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listenForNotices, type NotifySocket } from "../../tests/rigs/notify-socket.ts";

// Agents are separate processes. Not proved here: that systemd accepts messages from the agent's child (NotifyAccess).

vi.setConfig({ testTimeout: 60_000 });
const pollOptions = { timeout: 30_000 };
let folder: string;
let systemd: NotifySocket;
let agent: ChildProcess | undefined;
/** Output of the last agent that was run. */
let output = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-notify-"));
  systemd = await listenForNotices(join(folder, "notify"));
});
afterEach(async () => {
  agent?.kill("SIGKILL");
  systemd.stop();
  await rm(folder, { recursive: true });
});

function run(body: string): ChildProcess {
  const module = JSON.stringify(join(import.meta.dirname, "system-notify.ts"));
  const script = `
    import { SystemNotify } from ${module};
    const notify = new SystemNotify({ warn: (fields) => console.log(JSON.stringify(fields)) });
    ${body}`;
  const words = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script];
  const env = { ...process.env, NOTIFY_SOCKET: join(folder, "notify"), WATCHDOG_USEC: "100000" };
  const child = spawn(process.execPath, words, { env, stdio: ["ignore", "pipe", "inherit"] });
  output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  agent = child;
  return child;
}

/** The process that sends for an agent. */
function forwarderOf({ pid }: ChildProcess): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
  return Number(child);
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("notifications arrive in order, all of them before the exit, even while the unit is told to stop", async () => {
  const it = run(`
    notify.send({ READY: "1" });
    notify.send({ STATUS: "active\\nand connected" });
    process.on("SIGTERM", async () => {
      notify.send({ STOPPING: "1", STATUS: "stopping" });
      await notify.close();
      console.log("closed");
    });
    setInterval(() => {}, 1000);`);
  await expect.poll(() => systemd.notices, pollOptions).toHaveLength(2);
  const forwarder = forwarderOf(it);
  process.kill(forwarder, "SIGTERM");
  it.kill("SIGTERM");
  await expect
    .poll(() => systemd.notices, pollOptions)
    .toEqual(["READY=1", "STATUS=active and connected", "STOPPING=1\nSTATUS=stopping"]);
  await expect.poll(() => lives(forwarder), pollOptions).toBe(false);
});

test("a child that dies is replaced by another one, which sends the current state again", async () => {
  const it = run('notify.send({ READY: "1", STATUS: "active" }); setInterval(() => {}, 1000);');
  await expect.poll(() => systemd.notices, pollOptions).toEqual(["READY=1\nSTATUS=active"]);
  process.kill(forwarderOf(it), "SIGKILL");
  await expect.poll(() => systemd.notices, pollOptions).toEqual(["READY=1\nSTATUS=active", "READY=1\nSTATUS=active"]);
  expect(output).toContain('{"reason":"SIGKILL"}');
});

test("the heartbeat comes from the event loop: it stops while that hangs, and resumes", async () => {
  run(`
    notify.startWatchdog();
    setTimeout(() => {
      notify.send({ STATUS: "hanging" });
      // Its turn ends, so that this is sent.
      setTimeout(() => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
        notify.send({ STATUS: "back" });
      }, 20);
    }, 300);`);
  await expect.poll(() => systemd.notices, pollOptions).toContain("STATUS=back");
  const notices = systemd.notices.slice(0, systemd.notices.indexOf("STATUS=back"));
  const hanging = notices.indexOf("STATUS=hanging");
  expect(notices.slice(0, hanging)).toContain("WATCHDOG=1");
  // At 50 ms each, forty would have been sent meanwhile.
  expect(notices.slice(hanging + 1).filter((notice) => notice === "WATCHDOG=1").length).toBeLessThan(5);
});

test("the child exits with an agent that is killed, and with one that exits by itself", async () => {
  for (const end of ["setInterval(() => {}, 1000);", "setTimeout(() => process.exit(1), 300);"]) {
    const before = systemd.notices.length;
    const it = run(`notify.send({ READY: "1" }); ${end}`);
    await expect.poll(() => systemd.notices.length, pollOptions).toBe(before + 1);
    const forwarder = forwarderOf(it);
    if (end.startsWith("setInterval")) it.kill("SIGKILL");
    await expect.poll(() => lives(forwarder), pollOptions).toBe(false);
  }
});

test("without perl an agent continues, and logs why systemd is not notified", async () => {
  const it = run('process.env.PATH = "/none"; notify.send({ READY: "1" }); setInterval(() => {}, 1000);');
  await expect.poll(() => output, pollOptions).toContain("spawn perl ENOENT");
  expect(it.exitCode).toBeNull();
});
