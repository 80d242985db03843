import type { Letter, Message } from "./letter.ts";

/** Selects letters; all given criteria must match. */
export interface Selection {
  /** The beginning of an id. */
  readonly id?: string;
  /** `unknown` selects letters that no agent of warren dead-lettered. */
  readonly agent?: string;
  /** Text in the reason. */
  readonly reason?: string;
  /** Text in the key, the body, or a header. */
  readonly match?: string;
}

export const unknownAgent = "unknown";

export function isSelected(
  { id, agent, reason, match }: Selection,
  letter: Letter,
  { body }: Pick<Message, "body">,
): boolean {
  if (id !== undefined && !letter.id.startsWith(id.toLowerCase())) return false;
  if (agent !== undefined && (letter.agent ?? unknownAgent) !== agent) return false;
  if (reason !== undefined && !(letter.reason ?? "").includes(reason)) return false;
  if (match === undefined) return true;
  const texts = [letter.routingKey, letter.reason ?? "", ...letter.headers.flatMap(({ name, value }) => [name, value])];
  return body.includes(match) || texts.some((text) => text.includes(match));
}

/** Letters of one broker with the same agent, queue and reason. */
export interface Group {
  readonly broker: string;
  readonly agent: string;
  readonly reason: string;
  readonly queue: string;
  readonly count: number;
  /** When the oldest of them was dead-lettered; undefined if none has a time. */
  readonly oldestMs?: number;
}

/** The largest group first. */
export function groupLetters(letters: readonly Letter[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { broker, agent = unknownAgent, reason = "", queue = "", atMs } of letters) {
    const key = JSON.stringify([broker, agent, reason, queue]);
    const before = groups.get(key);
    const times = [before?.oldestMs, atMs].filter((time) => time !== undefined);
    groups.set(key, {
      ...{ broker, agent, reason, queue, count: (before?.count ?? 0) + 1 },
      ...(times.length > 0 ? { oldestMs: Math.min(...times) } : {}),
    });
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count);
}

/** The groups for `--json`. */
export const groupsJson = (letters: readonly Letter[]) =>
  groupLetters(letters).map(({ oldestMs, ...group }) => ({
    ...group,
    ...(oldestMs === undefined ? {} : { oldest: new Date(oldestMs).toISOString() }),
  }));
