import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { completionScript, wordsByVerb } from "./completion.ts";
import { checkout } from "./engine/places.ts";
import { verbs } from "./verbs.ts";

let script: string;
beforeAll(async () => {
  script = completionScript("bash", await wordsByVerb(verbs));
});

/** What bash offers for a command line whose last word is being typed. */
const offered = (...words: string[]): string[] => offeredIn(checkout, {}, "./warren", ...words);

function offeredIn(cwd: string, env: Record<string, string>, ...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const ask = `${script}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _warren; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const answer = execFileSync("bash", ["--norc"], {
    cwd,
    env: { ...process.env, ...env },
    input: ask,
    encoding: "utf8",
  });
  return answer.split("\n").filter(Boolean);
}

test("all verbs are offered, or those that begin as the word does", () => {
  expect(offered("")).toEqual(["--help", "--version", ...verbs.map(({ name }) => name)]);
  expect(offered("pre")).toEqual(["preview"]);
});

test("after a verb, its options and parts are offered, also behind other words", () => {
  expect(offered("bench", "pre")).toEqual(["preview"]);
  expect(offered("bench", "preview", "--r")).toEqual(["--runs"]);
  expect(offered("up", "-s", "lab", "--f")).toEqual(["--full", "--forget"]);
});

test("after -s, the stacks of the checkout are offered", () => {
  expect(offered("up", "-s", "")).toEqual(["dev", "lab", "lab4", "op"]);
  expect(offered("up", "--stack", "o")).toEqual(["op"]);
});

test("stacks are those of the checkout to which the command belongs, and a file's name is only a name", () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-completion-"));
  try {
    const other = join(folder, "a checkout");
    mkdirSync(join(other, "stacks"), { recursive: true });
    writeFileSync(join(other, "warren"), "");
    chmodSync(join(other, "warren"), 0o755);
    mkdirSync(join(folder, "bin"));
    symlinkSync(join(other, "warren"), join(folder, "bin/warren"));
    const env = { HOME: folder, PATH: `${join(folder, "bin")}:${process.env.PATH}` };
    expect(offeredIn(other, env, "./warren", "up", "-s", "")).toEqual([]);
    for (const name of ["op", "$(touch ran)"]) writeFileSync(join(other, `stacks/Pulumi.${name}.yaml`), "");
    for (const command of ["./warren", "warren", "~/a checkout/warren"])
      expect(offeredIn(other, env, command, "up", "-s", "")).toEqual(["$(touch ran)", "op"]);
    expect(readdirSync(other)).toEqual(["stacks", "warren"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("zsh reads the same function", async () => {
  expect(completionScript("zsh", await wordsByVerb(verbs))).toBe(
    `autoload -U +X bashcompinit && bashcompinit\n${script}`,
  );
});
