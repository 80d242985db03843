import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import { ageText, describeOwner, type LockOwner, otherHolder } from "../../infra/lock-owner.ts";
import { startedTicks } from "../../infra/process-stat.ts";
import { acquireStackLock, lockFile, releaseStackLock, withStackLock } from "./stack-lock.ts";

// Processes start slowly on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let folder: string;
let file: string;
let printed: string[];
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-stack-lock-"));
  file = join(folder, "op.lock");
  printed = [];
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

const request = (verb = "up") => ({ stack: "op", verb, file, say: (text: string) => void printed.push(text) });

/** A process that runs a script with the module's functions and `request`. */
function other(script: string): ChildProcess {
  const module = JSON.stringify(join(import.meta.dirname, "stack-lock.ts"));
  const given = `{ stack: "op", verb: "destroy", file: ${JSON.stringify(file)}, say: (text) => console.log("printed " + text) }`;
  const text = `import { acquireStackLock } from ${module}; const request = ${given}; ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", text], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

const linesOf = (child: ChildProcess) => createInterface({ input: child.stdout as NodeJS.ReadableStream });

/** A process that keeps the lock. */
async function holder(): Promise<ChildProcess> {
  const child = other(`await acquireStackLock(request); console.log("held"); setInterval(() => {}, 1000);`);
  const [line] = await once(linesOf(child), "line");
  expect(line).toBe("held");
  return child;
}

async function refusal(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

async function changeOwner(change: Partial<LockOwner>): Promise<void> {
  const owner = JSON.parse(await readFile(file, "utf8")) as LockOwner;
  await writeFile(file, JSON.stringify({ ...owner, ...change }));
}

describe("a stack's lock", () => {
  it("exists while the work runs, and is removed afterwards, also if the work fails", async () => {
    await withStackLock(request(), async (lock) => {
      await lock.assertHeld();
      expect(await readdir(folder)).toEqual(["op.lock"]);
    });
    await expect(withStackLock(request(), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await readdir(folder)).toEqual([]);
    expect(printed).toEqual([]);
  });

  it("is refused to a second process, with its holder, verb, time and remedy", async () => {
    const child = await holder();
    const error = await refusal(acquireStackLock(request()));
    expect(error.format()).toMatch(
      new RegExp(
        `stack op: is locked by \\S+@\\S+ process ${child.pid} \\(destroy, since [-0-9]+ [:0-9]+ UTC, \\d+ seconds\\)`,
      ),
    );
    expect(error.remedy).toContain(`kill ${child.pid}`);
  });

  it("stops a run of the engine that no verb has started, but not one that its holder has started", async () => {
    expect(await otherHolder("op", folder)).toBeUndefined();
    const child = await holder();
    expect((await otherHolder("op", folder))?.format()).toContain(`process ${child.pid} (destroy`);
    await changeOwner({ pid: process.ppid, startedTicks: startedTicks(process.ppid) ?? 0 });
    expect(await otherHolder("op", folder)).toBeUndefined();
    await changeOwner({ startedTicks: 1 });
    expect(await otherHolder("op", folder)).toBeUndefined();
    await changeOwner({ host: "another" });
    expect((await otherHolder("op", folder))?.remedy).toContain("--release");
  });

  it("is taken over from a killed process, with a message", async () => {
    const child = await holder();
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    const lock = await acquireStackLock(request());
    expect(printed).toEqual([expect.stringContaining(`took over the lock of`)]);
    expect(printed[0]).toContain(`process ${child.pid} (destroy`);
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is taken over silently from a process that became another program", async () => {
    await acquireStackLock({ ...request(), endsWithProcess: true });
    await changeOwner({ startedTicks: 1 });
    await (await acquireStackLock(request())).release();
    expect(printed).toEqual([]);
  });

  it("counts as abandoned if its process number belongs to another process now, or dates from before the last boot", async () => {
    for (const change of [{ startedTicks: 1 }, { bootId: "another" }]) {
      const first = await acquireStackLock(request());
      await changeOwner(change);
      const second = await acquireStackLock(request());
      expect((await refusal(first.assertHeld())).message).toContain("somebody else released its lock");
      // A process can't release a lock that it doesn't hold.
      await first.release().then(() => second.assertHeld());
      await second.release();
    }
    expect(printed).toHaveLength(2);
  });

  it("held on another host or in a container is never taken over, and can be released by hand", async () => {
    for (const change of [{ host: "elsewhere" }, { pidNamespace: "pid:[1]" }]) {
      await acquireStackLock(request());
      await changeOwner(change);
      expect((await refusal(acquireStackLock(request()))).remedy).toContain("./warren lock -s op --release");
      expect(await releaseStackLock("op", file)).toMatchObject(change);
      await (await acquireStackLock(request())).release();
    }
    expect(await releaseStackLock("op", file)).toBeUndefined();
  });

  it("can't be released by hand while its process runs on this host", async () => {
    const child = await holder();
    const error = await refusal(releaseStackLock("op", file));
    expect(error.format()).toContain(`which is still running\n  remedy: stop it first: kill ${child.pid}`);
  });

  it("without a readable owner is refused with a remedy, and can be released by hand", async () => {
    await writeFile(file, "{");
    expect((await refusal(acquireStackLock(request()))).remedy).toContain("./warren lock -s op --release");
    expect(await releaseStackLock("op", file)).toBeUndefined();
    await (await acquireStackLock(request())).release();
  });
});

describe("processes that compete for it", () => {
  it("never hold it two at a time, even if one is killed while holding it", async () => {
    const rounds = 4;
    const inside = JSON.stringify(join(folder, "inside"));
    // Each retries until it has the lock, proves with a file that no other process holds it, and usually dies while holding it.
    const script = (dies: boolean) => `
      import { open, rm } from "node:fs/promises";
      for (;;) {
        const lock = await acquireStackLock(request).catch(() => undefined);
        if (!lock) { await new Promise((resolve) => setTimeout(resolve, 5)); continue; }
        const handle = await open(${inside}, "wx").catch(() => undefined);
        if (!handle) { console.log("two at a time"); break; }
        await handle.close();
        await rm(${inside});
        console.log("alone");
        if (${dies}) process.kill(process.pid, "SIGKILL");
        await lock.release();
        break;
      }`;
    const lines: string[] = [];
    await Promise.all(
      Array.from({ length: rounds }, async (_, index) => {
        const child = other(script(index !== 0));
        linesOf(child).on("line", (line) => lines.push(line));
        await once(child, "close");
      }),
    );
    expect(lines.filter((line) => !line.startsWith("printed "))).toEqual(Array.from({ length: rounds }, () => "alone"));
    // Each dead one has a successor, except the last.
    expect(lines.filter((line) => line.startsWith("printed took over")).length).toBeGreaterThanOrEqual(rounds - 2);
  });
});

describe("its place and its description", () => {
  it("is a file beside a state in a folder, but not among the engine's files", () => {
    expect(lockFile("lab")).toMatch(/\.warren\/state\/locks\/lab\.lock$/);
  });

  it("describes its age in words", () => {
    expect([0, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000].map(ageText)).toEqual([
      ...["0 seconds", "119 seconds", "2 minutes", "119 minutes", "2 hours", "2 days"],
    ]);
  });

  it("is one line", async () => {
    const { owner } = await acquireStackLock(request());
    const text = describeOwner(
      { ...owner, user: "root", host: "vm", pid: 7, since: "2026-01-02T03:04:05.678Z" },
      new Date("2026-01-02T03:06:05Z"),
    );
    expect(text).toBe("root@vm process 7 (up, since 2026-01-02 03:04:05 UTC, 119 seconds)");
  });
});
