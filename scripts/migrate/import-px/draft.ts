import { type FileRule, fileRule } from "../../../agents/lib/file-rules.ts";
import type { ConfLine } from "./conf.ts";
import type { Fault, Finding } from "./findings.ts";
import { type Left, unknownOption } from "./options.ts";
import { globToPattern, toPattern } from "./python-pattern.ts";

/** Words that Sundew took for true; every other one was false. */
const trueWords = ["True", "true", "yes", "on", "Yes", "YES", "TRUE", "ON", "1", "On"];
const falseWords = ["False", "false", "no", "off", "No", "NO", "FALSE", "OFF", "0", "Off"];
const manyTimes = new Set([
  "accept",
  "reject",
  "imask",
  "emask",
  "purgeAlias",
  "feed",
  "arrival",
  "issue",
  "directory",
  "filename",
]);

/** The lines of one old file, read option by option; what is found on the way is kept. */
export class Draft {
  readonly findings: Finding[] = [];
  readonly faults: Fault[] = [];
  readonly #lines: readonly ConfLine[];
  /** The last line of each option counts, as it did. */
  readonly #last = new Map<string, ConfLine>();
  readonly #read = new Set<string>();

  constructor(lines: readonly ConfLine[]) {
    this.#lines = lines.flatMap((line) => (line.option === "destination" ? this.#splitDestination(line) : [line]));
    for (const line of this.#lines) {
      const before = this.#last.get(line.option);
      if (before && !manyTimes.has(line.option) && before.line !== line.line) {
        const why = `${line.file}:${line.line} says it again, and the later one counts, as it did`;
        this.find(before, { kind: "noted", why, remedy: "take the earlier line out" });
      }
      this.#last.set(line.option, line);
    }
  }

  /** The line that counts. */
  lineOf(option: string): ConfLine | undefined {
    this.#read.add(option);
    return this.#last.get(option);
  }

  text(option: string): string | undefined {
    return this.lineOf(option)?.words[0];
  }

  flag(option: string): boolean | undefined {
    const line = this.lineOf(option);
    if (!line) return undefined;
    const [word] = line.words;
    if (![...trueWords, ...falseWords].includes(word)) {
      const why = `${word} is no truth value; Sundew took it for False, and so does this`;
      this.find(line, { kind: "unexpressed", why, remedy: "say True or False, and import again" });
    }
    return trueWords.includes(word);
  }

  /** A whole number within bounds; a fault where it is none, a finding where it is cut to them. */
  number(option: string, min: number, max: number): number | undefined {
    const line = this.lineOf(option);
    if (!line) return undefined;
    const [word] = line.words;
    if (!/^[+-]?\d+$/.test(word)) {
      this.fault(line, `${option}: expected a whole number, got ${word}`, "say it in digits");
      return undefined;
    }
    const value = Number(word);
    const within = Math.min(max, Math.max(min, value));
    if (within !== value) {
      const why = `the agent takes ${min} to ${max}: ${within} is written`;
      this.find(line, { kind: "unexpressed", why, remedy: "see that this is enough" });
    }
    return within;
  }

  /** accept and reject in their order; the older imask and emask were asked before them. */
  rules(): FileRule[] {
    const lines = [...this.linesOf(["imask", "emask"]), ...this.linesOf(["accept", "reject"])];
    return lines.flatMap((line) => this.rule(line) ?? []);
  }

  /** All lines of these options, in their order. */
  linesOf(options: readonly string[]): ConfLine[] {
    for (const option of options) this.#read.add(option);
    return this.#lines.filter(({ option }) => options.includes(option));
  }

  /** Undefined where it can be none; a fault says so. */
  rule(line: ConfLine): FileRule | undefined {
    const [source] = line.words;
    const made = line.option.endsWith("mask") ? globToPattern(source) : toPattern(source);
    const accepts = line.option === "accept" || line.option === "imask";
    const rule = fileRule.safeParse(made.ok ? (accepts ? { accept: made.value } : { reject: made.value }) : {});
    if (made.ok && rule.success) return rule.data;
    const reason = made.ok ? "is too long" : made.reason;
    this.fault(
      line,
      `${line.option} ${source}: ${reason}`,
      "write the pattern in other words; a rule can't be left out",
    );
    return undefined;
  }

  /** Every line that nobody has asked for, with what becomes of it. */
  leaveRest(left: ReadonlyMap<string, Left>): void {
    for (const line of this.#lines) {
      if (!this.#read.has(line.option)) this.find(line, left.get(line.option) ?? unknownOption);
    }
  }

  find({ file, line, option }: ConfLine, { kind, why, remedy }: Left): void {
    this.findings.push({ file, line, option, kind, why, remedy });
  }

  fault({ file, line }: { readonly file: string; readonly line: number }, message: string, remedy: string): void {
    this.faults.push({ file, line, message, remedy });
  }

  /** `destination amqp://user:password@host//realm`, `destination ftp://user:password@host/folder WHATFN`: several things in one. */
  #splitDestination(line: ConfLine): ConfLine[] {
    const found = /^(\w+):\/\/([^:@/]*):(.*)@([^@/]+?)(\/.*)?$/.exec(line.words[0]);
    if (!found) {
      this.fault(
        line,
        "destination: expected PROTOCOL://USER:PASSWORD@HOST/…",
        "say user, password and host by options of their own",
      );
      return [];
    }
    const [, protocol = "", user = "", password = "", host = "", directory] = found;
    const [, filename] = line.words;
    const place = protocol === "amqp" ? {} : { directory, filename };
    const parts = Object.entries({ protocol, user, password, host, ...place });
    return parts.flatMap(([option, word]) => (word === undefined ? [] : [{ ...line, option, words: [word] as const }]));
  }
}
