import { randomBytes } from "node:crypto";

/**
 * Nobody knows it before a host is asked: an answer tells names of files and words of programs, which could have lines that look like the beginning of
 * a section. Scripts come to hosts by standard input, so it is in no list of processes either.
 */
const nonce = randomBytes(16).toString("hex");

/**
 * A script that asks a host several things begins each answer with a line of its own; the last section, `end`, has none. Only this process reads the
 * answer.
 */
export const section = (name: string): string => `== ${nonce} ${name}`;

/**
 * Lines of an answer by the section that they stand in.
 * @returns undefined where the answer ends early: half an answer would look like a host that lacks things
 */
export function readSections(answer: string): ReadonlyMap<string, string[]> | undefined {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of answer.split("\n")) {
    if (line.startsWith(section(""))) {
      current = [];
      sections.set(line.slice(section("").length), current);
    } else current.push(line);
  }
  return sections.has("end") ? sections : undefined;
}

/** What systemd says of a unit. */
export interface UnitState {
  readonly active: string;
  /** enabled, disabled, masked, static, … ; empty where there is no such unit. */
  readonly file: string;
}

/** The answer of `systemctl show --property=Id,ActiveState,UnitFileState`: a block a unit, with blank lines between. */
export function readUnitStates(lines: readonly string[]): Map<string, UnitState> {
  const blocks = lines.join("\n").split("\n\n");
  const value = (block: string, key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(block)?.[1] ?? "";
  return new Map(
    blocks
      .filter((block) => block.includes("Id="))
      .map((block) => [
        value(block, "Id"),
        { active: value(block, "ActiveState"), file: value(block, "UnitFileState") },
      ]),
  );
}
