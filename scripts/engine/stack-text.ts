import { isUtf8 } from "node:buffer";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { ConfigError, type ConfigIssue } from "../../agents/lib/errors.ts";
import { isNestedAtMost, printable } from "../../agents/lib/foreign.ts";
import { isRecord, type Values } from "../../infra/config/base.ts";

/** A stack file has about ten kilobytes, an adopted one somewhat more. The parser needs up to ten seconds for this size. */
export const stackBytesMax = 1024 * 1024;
/** Stack files are nested seven or eight deep. */
const depthMax = 64;
const issuesMax = 100;
/** The tags of YAML's core schema. Others make objects of other kinds, or are unknown. */
const plainTags = ["map", "seq", "str", "int", "bool"].map((name) => `tag:yaml.org,2002:${name}`);

/**
 * The `config` section of a stack file, its keys as they are written.
 *
 * @param subject the subject of errors, e.g. `stacks/Pulumi.op.yaml`
 * @throws ConfigError with all mistakes of the YAML at once, each with its line; nothing else, for any bytes
 */
export function readStackText(bytes: Buffer, subject: string): Values {
  const remedy = "repair the stack file";
  const content = readYaml(bytes, subject, remedy);
  if (!isRecord(content))
    throw new ConfigError(subject, [{ path: "", message: "expected a map with the key config" }], remedy);
  const config = content.config ?? {};
  if (!isRecord(config)) throw new ConfigError(subject, [{ path: "config", message: "expected a map" }], remedy);
  return config;
}

/** The content of a YAML file with plain values. @throws as `readStackText` does */
export function readYaml(bytes: Buffer, subject: string, remedy: string): unknown {
  const fault = (...issues: ConfigIssue[]) => new ConfigError(subject, issues, remedy);
  const whole = (message: string) => fault({ path: "", message });
  if (bytes.length > stackBytesMax) throw whole(`expected at most ${stackBytesMax} bytes, got ${bytes.length}`);
  if (!isUtf8(bytes)) throw whole("is not UTF-8");
  const lines = new LineCounter();
  // The parser compares each key with every other one, so duplicates are found here, in one pass.
  const options = { lineCounter: lines, uniqueKeys: false, prettyErrors: false, logLevel: "error" } as const;
  let document: Document;
  try {
    document = parseDocument(bytes.toString(), options);
  } catch (error) {
    // Here the parser's call stack is exhausted. Mistakes in the text are part of its result.
    if (error instanceof RangeError) throw whole("is nested too deep");
    throw error;
  }
  const at = (offset: number) => `line ${lines.linePos(offset).line}`;
  const issues = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    path: at(pos[0]),
    message: printable(/call stack/.test(message) ? "is nested too deep" : message),
  }));
  // A tree that is too deep for the parser is too deep to be walked as well.
  if (document.errors.length === 0) issues.push(...contentIssues(document, at));
  if (issues.length > 0) throw fault(...issues.slice(0, issuesMax));
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    throw whole(`its aliases can't be followed: ${printable((error as Error).message)}`);
  }
  if (!isNestedAtMost(content, depthMax)) throw whole(`is nested more than ${depthMax} deep`);
  return content;
}

/** Duplicate keys, and tags that don't make a plain value. */
function contentIssues(document: Document, at: (offset: number) => string): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  visit(document, (_, node) => {
    if (!isNode(node)) return;
    const path = at(node.range?.[0] ?? 0);
    if (node.tag !== undefined && !plainTags.includes(node.tag)) {
      issues.push({ path, message: `expected a plain value, got one with the tag ${printable(node.tag)}` });
    }
    if (!isMap(node)) return;
    const keys = new Set<string>();
    for (const { key } of node.items) {
      const name = isScalar(key) ? String(key.value) : undefined;
      const line = isNode(key) ? at(key.range?.[0] ?? 0) : path;
      if (name === undefined) issues.push({ path: line, message: "expected a plain scalar as key" });
      else if (keys.has(name)) issues.push({ path: line, message: `${printable(name)} is there a second time` });
      else keys.add(name);
    }
  });
  return issues;
}
