import { randomBytes } from "node:crypto";

/**
 * Marks sections. A host can't know it before it is asked, so file names and program output in its answer can't imitate the start of a section.
 * Scripts go to hosts by standard input, so the nonce is in no process list.
 */
const nonce = randomBytes(16).toString("hex");

/**
 * The line that starts a section of an answer. The last section, `end`, is empty. Only this process can read the answer.
 */
export const section = (name: string): string => `== ${nonce} ${name}`;

/**
 * Lines of an answer by section.
 * @returns undefined if the answer is truncated: half an answer would look like a host that lacks things
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

/** State of a unit as systemd reports it. */
export interface UnitState {
  readonly active: string;
  /** enabled, disabled, masked, static, … ; empty if there is no such unit. */
  readonly file: string;
}

/** The answer of `systemctl show --property=Id,ActiveState,UnitFileState`: one block per unit, separated by blank lines. */
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
