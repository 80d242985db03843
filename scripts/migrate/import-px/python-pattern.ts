import { bad, good, type Result } from "../../../agents/lib/result.ts";

/** The agents' limit. It also bounds the time for a pattern with many unclosed brackets, which is quadratic. */
const patternMax = 2000;
const tooLong = bad(`has more than ${patternMax} characters`);

/** Escapes that mean the same in both, and translations of others. */
const sameEscapes = /^[dDwWsSbBnrtfv0-9^$\\.*+?()[\]{}|/]$/;
const otherEscapes: Readonly<Record<string, string>> = { A: "^", Z: "$", a: "\\x07" };

/** One token of a pattern: a class, an escape, the start of a group, a repetition, or a single character. */
const token =
  /\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\\x[0-9a-fA-F]{2}|\\[\s\S]|\(\?(?:P[<=][^>)]*[>)]|<[=!]|[\s\S])|\{\d*,?\d*\}|[\s\S]/g;
const flagsAtStart = /^\(\?([a-zA-Z]+)\)/;

/**
 * Translates a regular expression of Python's `re` to the agents' (JavaScript with the flag `u`): same matches, same groups.
 * @returns an error with the part that can't be translated
 */
export function toPattern(python: string): Result<string> {
  if (python.length > patternMax) return tooLong;
  const flags = flagsAtStart.exec(python)?.[1];
  const body = flags === undefined ? python : python.replace(flagsAtStart, "");
  if (flags !== undefined && !/^[ims]+$/.test(flags)) return bad(`(?${flags}) has no equivalent here`);
  const parts: string[] = [];
  for (const [part] of body.matchAll(token)) {
    const made = translate(part);
    if (made === undefined) return bad(`${part} has no equivalent here`);
    parts.push(made);
  }
  const pattern = flags === undefined ? parts.join("") : `(?${[...new Set(flags)].join("")}:${parts.join("")})`;
  try {
    new RegExp(pattern, "u");
    return good(pattern);
  } catch (error) {
    return bad(`is not a regular expression: ${(error as Error).message.replace(/^Invalid regular expression: /, "")}`);
  }
}

function translate(part: string): string | undefined {
  if (part.length === 1) return /[{}\]]/.test(part) ? `\\${part}` : part;
  if (part.startsWith("\\")) return translateEscape(part);
  if (part.startsWith("[")) return translateClass(part);
  if (part.startsWith("{")) return /\d/.test(part) ? part.replace("{,", "{0,") : part.replace(/[{}]/g, "\\$&");
  if (part.startsWith("(?P<")) return `(?<${part.slice(4)}`;
  if (part.startsWith("(?P=")) return `\\k<${part.slice(4, -1)}>`;
  // Other kinds of groups. JavaScript has no comments, conditions or inline flags.
  return ["(?:", "(?=", "(?!", "(?<=", "(?<!"].includes(part) ? part : undefined;
}

function translateEscape(part: string): string {
  const character = part.slice(1);
  if (character.length > 1 || sameEscapes.test(character)) return part;
  return otherEscapes[character] ?? character;
}

function translateClass(part: string): string {
  const [, head = "", inner = ""] = /^(\[\^?)([\s\S]*)\]$/.exec(part) ?? [];
  const members = inner
    .replace(/^\]/, "\\]")
    .replace(/\\([\s\S])/g, (whole, character: string) =>
      /[dDwWsSbnrtfvx0-9^\\\]-]/.test(character) ? whole : (otherEscapes[character] ?? character),
    );
  return `${head}${members}]`;
}

/** A pattern of `imask` and `emask` (Python's `fnmatch`, the whole name) as a regular expression. */
export function globToPattern(glob: string): Result<string> {
  if (glob.length > patternMax) return tooLong;
  const parts = [...glob.matchAll(/\[!?\]?[^\]]*\]|[\s\S]/g)].map(([part]) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.length === 1) return part.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
    return part.replace(/\\/g, "\\\\").replace(/^\[!/, "[^");
  });
  return toPattern(`^${parts.join("")}$`);
}
