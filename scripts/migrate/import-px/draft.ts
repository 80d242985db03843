import { type FileRule, fileRule } from "../../../agents/lib/file-rules.ts";
import type { ConfLine } from "./conf.ts";
import type { Fault, Finding, Place } from "./findings.ts";
import { type Left, unknownOption } from "./options.ts";
import { globToPattern, toPattern } from "./python-pattern.ts";

/** Values that Sundew read as true; all others were false. */
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

/** The lines of one old file, read option by option; collects findings. */
export class Draft {
  readonly findings: Finding[] = [];
  readonly faults: Fault[] = [];
  readonly #lines: readonly ConfLine[];
  /** The last line of each option wins, as in Sundew. */
  readonly #last = new Map<string, ConfLine>();
  readonly #read = new Set<string>();

  constructor(lines: readonly ConfLine[]) {
    this.#lines = lines.flatMap((line) => (line.option === "destination" ? this.#splitDestination(line) : [line]));
    for (const line of this.#lines) {
      const before = this.#last.get(line.option);
      if (before && !manyTimes.has(line.option) && before.line !== line.line) {
        const why = `${line.file}:${line.line} sets it again, and the later line wins, as in Sundew`;
        this.find(before, { kind: "noted", why, remedy: "remove the earlier line" });
      }
      this.#last.set(line.option, line);
    }
  }

  /** The line that wins. */
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
      const why = `${word} is not a boolean; Sundew read it as False, and so does this`;
      this.find(line, { kind: "unexpressed", why, remedy: "write True or False, and import again" });
    }
    return trueWords.includes(word);
  }

  /** An integer within bounds; a fault where it is not a number, a finding where it is limited. */
  number(option: string, min: number, max: number): number | undefined {
    const line = this.lineOf(option);
    if (!line) return undefined;
    const [word] = line.words;
    if (!/^[+-]?\d+$/.test(word)) {
      this.fault(line, `${option}: expected a whole number, got ${word}`, "write it in digits");
      return undefined;
    }
    const value = Number(word);
    const within = Math.min(max, Math.max(min, value));
    if (within !== value) {
      const why = `the agent accepts ${min} to ${max}: ${within} is written`;
      this.find(line, { kind: "unexpressed", why, remedy: "check that this is enough" });
    }
    return within;
  }

  /** accept and reject in their order; the older imask and emask come first. */
  rules(): FileRule[] {
    const lines = [...this.linesOf(["imask", "emask"]), ...this.linesOf(["accept", "reject"])];
    return lines.flatMap((line) => this.rule(line) ?? []);
  }

  /** All lines of these options, in their order. */
  linesOf(options: readonly string[]): ConfLine[] {
    for (const option of options) this.#read.add(option);
    return this.#lines.filter(({ option }) => options.includes(option));
  }

  /** Undefined where it can't be one, with a fault. */
  rule(line: ConfLine): FileRule | undefined {
    const [source] = line.words;
    const made = line.option.endsWith("mask") ? globToPattern(source) : toPattern(source);
    const accepts = line.option === "accept" || line.option === "imask";
    const rule = fileRule.safeParse(made.ok ? (accepts ? { accept: made.value } : { reject: made.value }) : {});
    if (made.ok && rule.success) return rule.data;
    const reason = made.ok ? "is too long" : made.reason;
    this.fault(line, `${line.option} ${source}: ${reason}`, "write the pattern another way; a rule can't be left out");
    return undefined;
  }

  /** All lines that were not used, with what becomes of them. */
  leaveRest(left: ReadonlyMap<string, Left>): void {
    for (const line of this.#lines) {
      if (!this.#read.has(line.option)) this.find(line, left.get(line.option) ?? unknownOption);
    }
  }

  find({ file, line, option }: ConfLine, { kind, why, remedy }: Left): void {
    this.findings.push({ file, line, option, kind, why, remedy });
  }

  /** The file does not say something that the agent must know. */
  miss(place: Place, option: string, why: string, remedy: string): void {
    this.findings.push({ file: place.file, line: place.line, option, kind: "missing", why, remedy });
  }

  /** Whether the agent refuses the config until something is added. A password is in a file of its own. */
  get isIncomplete(): boolean {
    return this.findings.some(({ kind, option }) => kind === "missing" && option !== "password");
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
        "use the options user, password and host instead",
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
