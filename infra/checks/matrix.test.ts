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
    "Rules that find valid but unsafe settings of a stack. `./warren checks -s STACK` lists the findings, `./warren checks --explain RULE` prints the",
    "reason and the source of a rule. `infra/checks/checks.test.ts` runs the settings of the fourth and fifth column; `matrix.test.ts` beside it writes this table.",
    "",
    ...severities.map((severity) => `- **${severity}**: ${meaning[severity]}`),
    "",
    line(["rule", "", "fires on", "fires with", "quiet with", "remedy"]),
    line(Array.from({ length: 6 }, () => "---")),
    ...rows.map(line),
    "",
  ].join("\n");
}

it("docs/checks.md is the table of the rules and their tested settings", async () => {
  await expect(matrix()).toMatchFileSnapshot(join(import.meta.dirname, "../../docs/checks.md"));
});
