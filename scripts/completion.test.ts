import { execFileSync } from "node:child_process";
import { beforeAll, expect, test } from "vitest";
import { completionScript, wordsByVerb } from "./completion.ts";
import { checkout } from "./engine/places.ts";
import { verbs } from "./verbs.ts";

let script: string;
beforeAll(async () => {
  script = completionScript("bash", await wordsByVerb(verbs));
});

/** What bash offers for a command line whose last word is being typed. */
function offered(...words: string[]): string[] {
  const quoted = ["./warren", ...words].map((word) => `'${word}'`).join(" ");
  const ask = `${script}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _warren; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const answer = execFileSync("bash", ["--norc"], { cwd: checkout, input: ask, encoding: "utf8" });
  return answer.split("\n").filter(Boolean);
}

test("all verbs are offered, or those that begin as the word does", () => {
  expect(offered("")).toEqual(["--help", "--version", ...verbs.map(({ name }) => name)]);
  expect(offered("pre")).toEqual(["preview"]);
});

test("after a verb, its options and parts are offered, also behind other words", () => {
  expect(offered("bench", "pre")).toEqual(["preview"]);
  expect(offered("bench", "preview", "--r")).toEqual(["--runs"]);
  expect(offered("up", "-s", "lab", "--f")).toEqual(["--full"]);
});

test("after -s, the stacks of the checkout are offered", () => {
  expect(offered("up", "-s", "")).toEqual(["dev", "lab", "lab4", "op"]);
  expect(offered("up", "--stack", "o")).toEqual(["op"]);
});

test("zsh reads the same function", async () => {
  expect(completionScript("zsh", await wordsByVerb(verbs))).toBe(
    `autoload -U +X bashcompinit && bashcompinit\n${script}`,
  );
});
