import { printable } from "../../../agents/lib/foreign.ts";
import type { Finding } from "./findings.ts";
import { placeText } from "./findings.ts";
import type { Imported } from "./import.ts";

/** An agent's config file: JSON, with a comment about its origin. */
export function configText({ file, agent, config }: Imported): string {
  return `// ${agent}, from ${file}; all keys: ./warren agent ${agent} --print-schema\n${JSON.stringify(config, null, 2)}\n`;
}

/** The folder of its files, below the output folder: one for each name, as agents keep their state beside their config. */
export function pathsOf({ name, agent }: Imported): { readonly config: string; readonly password: string } {
  return { config: `${name}/${agent}.json`, password: `${name}/${agent}-password` };
}

/** The report for people: the result for each file, what is missing or not expressed, and what is omitted or changed without loss. @param more findings about all */
export function formatImport(all: readonly Imported[], more: readonly Finding[] = []): string {
  return printable(
    all.map((one) => formatOne(one, [...one.findings, ...more.filter(({ file }) => file === one.file)])).join("\n"),
  );
}

function formatOne({ file, agent, faults }: Imported, findings: readonly Finding[]): string {
  if (faults.length > 0) {
    const lines = faults.flatMap((fault) => [`  ${placeText(fault)}: ${fault.message}`, `      -> ${fault.remedy}`]);
    return `${[`${file}: not imported`, ...lines].join("\n")}\n`;
  }
  const missing = findings.filter(({ kind }) => kind === "missing");
  const unexpressed = findings.filter(({ kind }) => kind === "unexpressed");
  const noted = findings.filter(({ kind }) => kind === "noted");
  const head = `${file}: ${agent}`;
  const lists = [...list("missing", missing), ...list("not expressed", unexpressed), ...list("good to know", noted)];
  return `${[head, ...lists].join("\n")}\n`;
}

function list(title: string, findings: readonly Finding[]): string[] {
  const lines = findings.flatMap((finding) => [
    `    ${placeText(finding)} ${finding.option}`,
    `        ${finding.why}`,
    `        -> ${finding.remedy}`,
  ]);
  return [`  ${title}: ${findings.length === 0 ? "nothing" : findings.length}`, ...lines];
}

/** As `--json` prints it; passwords are in no output. */
export function jsonOf({ file, name, agent, config, findings, faults }: Imported): object {
  return { file, name, agent: agent ?? null, config: config ?? null, findings, faults };
}

/** 0: everything is expressed; 1: a file is not imported; 2: all are, but something is missing or not expressed. */
export function exitCodeOf(all: readonly Imported[], more: readonly Finding[] = []): 0 | 1 | 2 {
  if (all.some(({ faults }) => faults.length > 0)) return 1;
  return [...more, ...all.flatMap(({ findings }) => findings)].some(({ kind }) => kind !== "noted") ? 2 : 0;
}
