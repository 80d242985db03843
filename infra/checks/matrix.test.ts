import { join } from "node:path";
import { expect, it } from "vitest";
import { cases } from "./cases.ts";
import type { Case } from "./fixture.ts";
import { severities } from "./rule.ts";
import { rules } from "./rules.ts";

const meaning = {
  error: "stops `preview` and `up` before anything is touched",
  warning: "shown at every `preview` and `up`",
  note: "shown only by `./warren checks`",
};

const cell = (text: string) => text.replaceAll("|", "\\|");
const list = (all: readonly Case[] | undefined) => (all ?? []).map(({ on }) => on).join("; ");

/** The rules as a table, with the tested settings that each fires on and those that it doesn't. */
function matrix(): string {
  const rows = rules.map(({ name, severity, firesOn, remedy }) => {
    const tried = cases.find(({ rule }) => rule === name);
    return [`\`${name}\``, severity, firesOn, list(tried?.fires), list(tried?.quiet), remedy].map(cell);
  });
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    "# Checks",
    "",
    "Know which settings of a stack are valid but unsafe.",
    "",
    "`./warren checks -s STACK` lists those that a stack has. `./warren checks --explain RULE` prints why a rule exists, and its source. The",
    "fourth and fifth column are tests of `infra/checks/checks.test.ts`; `matrix.test.ts` beside it writes this page.",
    "",
    ...severities.map((severity) => `- **${severity}**: ${meaning[severity]}`),
    "",
    line(["rule", "severity", "fires on", "tested with", "does not fire on", "remedy"]),
    line(Array.from({ length: 6 }, () => "---")),
    ...rows.map(line),
    "",
  ].join("\n");
}

it("docs/checks.md is the table of the rules and their tested settings", async () => {
  await expect(matrix()).toMatchFileSnapshot(join(import.meta.dirname, "../../docs/checks.md"));
});
