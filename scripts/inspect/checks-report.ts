import { UserError } from "../../agents/lib/errors.ts";
import { type Finding, type Rule, type Severity, severities } from "../../infra/checks/rule.ts";
import { formatColumns, painter } from "../lib/table.ts";

const colours: Readonly<Record<Severity | "passed", "red" | "yellow" | "cyan" | "green">> = {
  error: "red",
  warning: "yellow",
  note: "cyan",
  passed: "green",
};

/** Width of the first column: its longest word and a gap. */
const margin = "warning".length + 2;

export interface Checked {
  readonly stack: string;
  readonly rules: readonly Rule[];
  readonly findings: readonly Finding[];
  /** What the operator must still give: paths of values and secrets, and files of keys. */
  readonly toFillIn: readonly string[];
  /** The outputs of an earlier run were available for comparison. */
  readonly hasPast: boolean;
}

export const passedRules = ({ rules, findings }: Pick<Checked, "rules" | "findings">): Rule[] =>
  rules.filter((rule) => findings.every((finding) => finding.rule !== rule.name));

/** Findings, worst first, then the rules without findings. Ends with a newline. */
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
    ...fillInLines(checked),
    ...checked.findings.flatMap((finding) => [
      `${word(finding.severity)}${finding.path}  (${finding.rule})`,
      `${" ".repeat(margin)}${finding.message}`,
      `${" ".repeat(margin)}remedy: ${finding.remedy}`,
      "",
    ]),
    ...passed.map((rule) => `${word("passed")}${rule.name.padEnd(width)}  ${rule.firesOn}`),
    "",
    ...(checked.hasPast
      ? []
      : ["No earlier run of this stack is known here, so series and releases were not compared."]),
    "./warren checks --explain RULE prints the reason and the remedy of a rule.",
    "",
  ].join("\n");
}

/** One line for each kind of value: paths that differ in one name are shown as one. Empty if nothing is missing. */
function fillInLines({ stack, toFillIn }: Checked): string[] {
  if (toFillIn.length === 0) return [];
  const kinds = Map.groupBy(toFillIn, (path) =>
    path.replace(/^(warren:(?:hosts|virtualIps|secrets\.passwords))\.[^.]+/, "$1.NAME"),
  );
  const rows = [...kinds].map(([kind, paths]) => {
    const [before = "", after = ""] = kind.split("NAME");
    return kind.includes("NAME")
      ? [kind, paths.map((path) => path.slice(before.length, path.length - after.length)).join(", ")]
      : [kind, ""];
  });
  const width = Math.max(...rows.map(([kind = ""]) => kind.length));
  return [
    `to fill in, ${toFillIn.length} values:`,
    ...rows.map(([kind = "", names = ""]) => `  ${kind.padEnd(width)}  ${names}`.trimEnd()),
    `values are in stacks/Pulumi.${stack}.yaml; secrets: ./warren pulumi config set -s ${stack} --secret --path warren:secrets.…, from standard input`,
    "",
  ];
}

/** Every rule with its severity and what it fires on. */
export function formatRules(rules: readonly Rule[], color: boolean): string {
  const word = marker(color);
  const width = Math.max(...rules.map((rule) => rule.name.length));
  return rules.map((rule) => `${word(rule.severity)}${rule.name.padEnd(width)}  ${rule.firesOn}\n`).join("");
}

/** One rule in full. */
export function formatRule(rule: Rule): string {
  const stops = {
    error: "stops preview and up",
    warning: "shown at every preview",
    note: "shown only by ./warren checks",
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

/** @throws UserError with the nearest names */
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
    "does not exist",
    `the nearest are ${nearest.join(", ")}; list all rules with ./warren checks --list`,
  );
}

/** Common words count most, because half of a name usually means the rule that contains it; then the edit distance (Levenshtein). */
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
