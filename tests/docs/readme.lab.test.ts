import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkout, shellLines } from "./pages.ts";

const run = promisify(execFile);

/** A separate checkout: what the recipe creates must not stay in this one. */
let copy = "";

beforeAll(async () => {
  copy = await mkdtemp(path.join(tmpdir(), "warren-readme-"));
  // Tracked and new files as they are now: a page can be tested before it is committed.
  const files = "git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t";
  await run("sh", ["-c", `${files} "$1"`, "sh", copy], { cwd: checkout });
  await symlink(path.join(checkout, "node_modules"), path.join(copy, "node_modules"));
});

afterAll(() => rm(copy, { recursive: true, force: true }));

test("the recipe of docs/stacks.md gives stack op all its secrets, encrypted, with the real engine", async () => {
  const lines = shellLines("docs/stacks.md");
  const begin = lines.indexOf("mkdir -p keys");
  const end = lines.indexOf("done") + 1;
  expect(begin).toBeGreaterThan(0);
  expect(end).toBeGreaterThan(begin);
  const recipe = lines.slice(begin, end);
  await run("sh", ["-e", "-c", recipe.join("\n")], { cwd: copy, env: recipeEnvironment() });

  const stack = await readFile(path.join(copy, "stacks/Pulumi.op.yaml"), "utf8");
  expect(stack.match(/secure: v1:/g)).toHaveLength(7);
  const shown = await run(
    "./warren",
    ["pulumi", "config", "get", "-s", "op", "--path", "warren:secrets.erlangCookie"],
    {
      cwd: copy,
      env: recipeEnvironment(),
    },
  );
  expect(shown.stdout.trim()).toMatch(/^[0-9a-f]{32}$/);
  const ignored = await run("git", ["check-ignore", "stacks/Pulumi.op.passphrase", "keys/op_ed25519"], {
    cwd: checkout,
  });
  expect(ignored.stdout.trim().split("\n")).toHaveLength(2);
});

/** The environment of a shell without Pulumi settings. */
function recipeEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PULUMI_")));
}
