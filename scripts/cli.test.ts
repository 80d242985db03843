import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";

test("a reader that has gone, as behind | head, is no fault: what runs ends in order", async () => {
  // The shell waits until this test has closed the reading end.
  const script = 'read -r _ && exec "$0" "$@"';
  const argv = ["-c", script, process.execPath, join(import.meta.dirname, "cli.ts"), "--help"];
  const child = spawn("sh", argv, { stdio: ["pipe", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (chunk) => {
    complaints += chunk;
  });
  child.stdout.destroy();
  child.stdin.end("go\n");
  const [code] = await once(child, "close");
  expect(complaints).toBe("");
  expect(code).toBe(0);
});

test("--version names warren's version and commit, the engine and Node", () => {
  const text = execFileSync(process.execPath, [join(import.meta.dirname, "cli.ts"), "--version"], { encoding: "utf8" });
  expect(text).toMatch(
    /^warren \d+\.\d+\.\d+, (commit [\da-f]{7,}( with changes)?|no commit known), engine \d+\.\d+\.\d+, Node v24\.\S+\n$/,
  );
});
