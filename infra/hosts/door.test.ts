import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const checkout = join(import.meta.dirname, "../..");

it("infra/hosts alone starts ssh, except for the shutdown of a lab's host", () => {
  const files = ["infra", "scripts", "agents"].flatMap((folder) =>
    readdirSync(join(checkout, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)),
  );
  const starts = (file: string) =>
    /\b(execa|spawn|spawnSync|execFile|execFileSync|run|attempt)\(\s*\[?\s*"ssh"/.test(
      readFileSync(join(checkout, file), "utf8"),
    );
  const found = files.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && starts(file));
  expect(found.toSorted()).toEqual(["infra/hosts/ssh.ts", "infra/hosts/tunnel.ts", "scripts/lab/host.ts"]);
});
