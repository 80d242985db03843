import { UserError } from "../../agents/lib/errors.ts";
import { type Finding, type Rule, type Severity, severities } from "../../infra/checks/rule.ts";
import { formatColumns, painter } from "../lib/table.ts";

const colours: Readonly<Record<Severity | "passed", "red" | "yellow" | "cyan" | "green">> = {
  error: "red",
  warning: "yellow",
  note: "cyan",
  passed: "green",
};

/** Width of the first column: the longest of its words, and a gap. */
const margin = "warning".length + 2;

export interface Checked {
  readonly stack: string;
  readonly rules: readonly Rule[];
  readonly findings: readonly Finding[];
  /** What the last run made was compared with. */
  readonly hasPast: boolean;
}

export const passedRules = ({ rules, findings }: Pick<Checked, "rules" | "findings">): Rule[] =>
  rules.filter((rule) => findings.every((finding) => finding.rule !== rule.name));

/** What was found, the worst first, then the rules that found nothing. Ends with a newline. */
export function formatChecks(checked: Checked, color: boolean): string {
  const word = marker(color);
  const passed = passedRules(checked);
  const width = Math.max(...passed.map((rule) => rule.name.length));
  const counts = severities.map((severity) => {
    const count = checked.findings.filter((finding) => finding.severity === severity).length;
    return `${count} ${severity}${count === 1 ? "" : "s"}`;
  });
  return [
    `stack ${checked.stack}: ${checked.rules.length} rules, ${counts.join(", ")}`,
    "",
    ...checked.findings.flatMap((finding) => [
      `${word(finding.severity)}${finding.path}  (${finding.rule})`,
      `${" ".repeat(margin)}${finding.message}`,
      `${" ".repeat(margin)}remedy: ${finding.remedy}`,
      "",
    ]),
    ...passed.map((rule) => `${word("passed")}${rule.name.padEnd(width)}  ${rule.firesOn}`),
    "",
    ...(checked.hasPast ? [] : ["No run of this stack is known here: nothing to compare series and releases with."]),
    "./warren checks --explain RULE says why a rule is there, and what to do.",
    "",
  ].join("\n");
}

/** Every rule with its severity and what it fires on. */
export function formatRules(rules: readonly Rule[], color: boolean): string {
  const word = marker(color);
  const width = Math.max(...rules.map((rule) => rule.name.length));
  return rules.map((rule) => `${word(rule.severity)}${rule.name.padEnd(width)}  ${rule.firesOn}\n`).join("");
}

/** All that is known of one rule. */
export function formatRule(rule: Rule): string {
  const stops = {
    error: "stops preview and up",
    warning: "shown at every preview",
    note: "shown by ./warren checks alone",
  };
  const rows = [
    ["rule", rule.name],
    ["severity", `${rule.severity}: ${stops[rule.severity]}`],
    ["fires on", rule.firesOn],
    ["reason", rule.reason],
    ["remedy", rule.remedy],
    ["source", rule.source],
  ];
  return `${formatColumns(rows)}\n`;
}

/** @throws UserError with the names that are nearest */
export function ruleNamed(name: string, rules: readonly Rule[]): Rule {
  const found = rules.find((rule) => rule.name === name);
  if (found) return found;
  const nearest = rules
    .map((rule) => ({ name: rule.name, distance: distanceOf(name, rule.name) }))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map((one) => one.name);
  throw new UserError(
    `rule ${name}`,
    "there is none of this name",
    `the nearest are ${nearest.join(", ")}; ./warren checks --list has all`,
  );
}

/** Words in common count most: who types half a name means the rule that has it. Then single letters (Levenshtein). */
function distanceOf(typed: string, name: string): number {
  const words = new Set(name.split("-"));
  const common = typed.split("-").filter((word) => words.has(word)).length;
  return editDistance(typed, name) - 5 * common;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function marker(color: boolean) {
  const paint = painter(color);
  return (severity: Severity | "passed"): string =>
    paint(colours[severity], severity) + " ".repeat(margin - severity.length);
}
