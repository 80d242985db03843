import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lockHolder, withLock } from "./machine-lock.ts";

const lockName = `test-${process.pid}`;

it("two actions under one lock never run at once, and the waiting one learns the holder", async () => {
  const running: string[] = [];
  const holders: string[] = [];
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const first = withLock(lockName, "the first", async () => {
    running.push("first starts");
    await held;
    running.push("first ends");
  });
  const second = withLock(
    lockName,
    "the second",
    async () => running.push("second"),
    (holder) => {
      holders.push(holder);
      letGo();
    },
  );
  await Promise.all([first, second]);
  expect(running).toEqual(["first starts", "first ends", "second"]);
  expect(holders).toEqual([`the first (process ${process.pid})`]);
});

it("who holds a lock can be asked without waiting for it", async () => {
  expect(await lockHolder(lockName)).toBeUndefined();
  const holder = await withLock(lockName, "it", () => lockHolder(lockName));
  expect([holder, await lockHolder(lockName)]).toEqual([`it (process ${process.pid})`, undefined]);
});

it("a lock whose holder doesn't answer is held", async () => {
  const code = `require("node:net").createServer().listen({ path: "\\0warren-lab/${lockName}-stopped" }, () => {
    console.log("held"); process.kill(process.pid, "SIGSTOP"); })`;
  const holder = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  expect(await lockHolder(`${lockName}-stopped`)).toBe("a process that doesn't answer");
  holder.kill("SIGKILL");
});

it("an action that fails frees the lock", async () => {
  await expect(withLock(lockName, "it", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await withLock(lockName, "it", async () => "free")).toBe("free");
});

it("a process that is killed frees the lock", async () => {
  const module = JSON.stringify(join(import.meta.dirname, "machine-lock.ts"));
  const script = `import { withLock } from ${module}; await withLock("${lockName}", "it", () => { console.log("held"); return new Promise(() => {}); });`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(other.stdout, "data");
  let killed = false;
  const waited = withLock(
    lockName,
    "it",
    async () => killed,
    () => {
      killed = other.kill("SIGKILL");
    },
  );
  expect(await waited).toBe(true);
});
