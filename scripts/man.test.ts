import { beforeAll, expect, test } from "vitest";
import { wordsByVerb } from "./completion.ts";
import { manualPage } from "./man.ts";
import { verbs } from "./verbs.ts";

let page: string;
beforeAll(async () => {
  page = await manualPage(verbs);
});

test("the manual page has a section for each verb and each of its subcommands, with all options", async () => {
  const plain = page.replaceAll("\\-", "-");
  const sections = [...plain.matchAll(/^\.SS "warren ([^"]*)"\n([\s\S]*?)(?=^\.S[SH] )/gm)];
  const texts = new Map(sections.map(([, usage = "", text = ""]) => [usage.split(/ [<[]/)[0] ?? "", text]));
  for (const [path, words] of await wordsByVerb(verbs)) {
    if (path === "") continue;
    expect(texts.has(path), path).toBe(true);
    const options = words.filter((word) => word.startsWith("-") && word !== "--help");
    expect(options.filter((option) => !texts.get(path)?.includes(option))).toEqual([]);
  }
  expect(plain).toContain("./warren completion bash");
});

test("roff takes no text of a verb for a request", () => {
  const requests = page.split("\n").filter((line) => /^[.']/.test(line));
  expect(requests.filter((line) => !/^\.(TH|SH|SS|TP|PP|B|BR|I|br|nf|fi|ad|nh)( |$)/.test(line))).toEqual([]);
  // Between `.nf` and `.fi` lines are shown as they are.
  expect(requests.filter((line) => line === ".nf")).toHaveLength(requests.filter((line) => line === ".fi").length);
  expect(page).not.toMatch(/[^\\]-/);
});
