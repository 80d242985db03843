import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "announcer-main-"));
  writeFileSync(join(folder, "password"), "secret");
  for (const count of [1, 2, 3, 4]) mkdirSync(join(folder, `db/${count}`), { recursive: true });
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the agent until it exits by itself, in a user namespace in which `limit` was run. There is no broker. */
function runAnnouncer(settings: object, limit = "true") {
  const config = {
    broker: { hosts: ["127.0.0.1:1"], user: "u", passwordFile: "password" },
    metrics: { port: 0 },
    rootDirectory: "db",
    baseUrl: "http://urp-1/",
    ...settings,
  };
  writeFileSync(join(folder, "announcer.json"), JSON.stringify(config));
  const agent = [process.execPath, join(import.meta.dirname, "main.ts"), "--config", join(folder, "announcer.json")];
  const script = `${limit} && exec "$0" "$@"`;
  const { status, stderr } = spawnSync("unshare", ["--user", "--map-root-user", "sh", "-c", script, ...agent], {
    encoding: "utf8",
    timeout: 9000,
  });
  return { status, stderr };
}

test("with too few inotify watches it exits and names the sysctl to raise", () => {
  const { status, stderr } = runAnnouncer({}, "echo 3 >/proc/sys/user/max_inotify_watches");
  expect(stderr).toContain("sysctl -w fs.inotify.max_user_watches=");
  expect(status).toBe(1);
});

test("without a free inotify instance it exits and names the sysctl to raise", () => {
  const { status, stderr } = runAnnouncer({}, "echo 0 >/proc/sys/user/max_inotify_instances");
  expect(stderr).toContain("sysctl -w fs.inotify.max_user_instances=");
  expect(status).toBe(1);
});

test("with a missing tree, or one that contains the agent's own files, it exits with a remedy", () => {
  expect(runAnnouncer({ rootDirectory: "missing" }).stderr).toContain(`${join(folder, "missing")} is not a folder`);
  const { status, stderr } = runAnnouncer({ rootDirectory: "." });
  expect(stderr).toContain("the agent's own files");
  expect(status).toBe(1);
});

test("without inotifywait, or with a state folder that is not a folder, it exits with a remedy", () => {
  const missing = runAnnouncer({ inotifywaitCommand: "no-such-command" });
  expect(missing.stderr).toContain("apt-get install inotify-tools");
  expect(missing.status).toBe(1);
  rmSync(join(folder, ".state"), { recursive: true });
  writeFileSync(join(folder, ".state"), "");
  const { status, stderr } = runAnnouncer({});
  expect(stderr).toContain(`${join(folder, ".state/announcer/announcer")} can't be used`);
  expect(stderr).not.toContain("    at ");
  expect(status).toBe(1);
});

test("with an invalid config it exits with status 2 and names the key", () => {
  const { status, stderr } = runAnnouncer({ rescanWindow: 1 });
  expect(stderr).toContain("rescanWindow: unknown key");
  expect(status).toBe(2);
});
