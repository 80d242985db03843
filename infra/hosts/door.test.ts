import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const checkout = join(import.meta.dirname, "../..");

it("is the one place that starts ssh, but for the engine's plugin and the end of a lab's host", () => {
  const listed = execFileSync("git", ["ls-files", "-z", "infra", "scripts", "agents"], { cwd: checkout });
  const files = listed.toString().split("\0");
  const starts = (file: string) =>
    /\b(execa|spawn|spawnSync|execFile|execFileSync|run|attempt)\(\s*\[?\s*"ssh"/.test(
      readFileSync(join(checkout, file), "utf8"),
    );
  expect(files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && starts(file))).toEqual([
    "infra/hosts/ssh.ts",
    "infra/hosts/tunnel.ts",
    "scripts/lab/host.ts",
  ]);
});
