import { z } from "zod";
import { quote } from "../../infra/commands/command.ts";
import { section } from "../../infra/commands/sections.ts";
import { shortUnit, type Turn } from "./plan.ts";

/** What is known of a restart that is under way. */
export const restartRecord = z.object({
  startedAt: z.string(),
  turns: z.array(z.object({ host: z.string(), units: z.array(z.string()).readonly(), isMember: z.boolean() })),
  /** By host and unit: the run that is to end. systemd gives each start of a unit an id of its own. */
  before: z.record(z.string(), z.record(z.string(), z.string())),
  /** The host that was told to keep the virtual IP away. */
  movedFrom: z.string().optional(),
  /** Hosts after whose turn all was whole again. */
  done: z.array(z.string()),
});
export type RestartRecord = z.infer<typeof restartRecord>;

/** Ids of the runs of units, by unit; empty of one that doesn't run. */
export type Invocations = Readonly<Record<string, string>>;

export const invocationQuestion = ({ units }: Turn): string =>
  `export LC_ALL=C\nsystemctl show --property=Id,InvocationID,ActiveState ${units.map(quote).join(" ")}\necho; echo ${quote(section("end"))}\n`;

/** @returns undefined where the answer ends early */
export function parseInvocations(answer: string): Invocations | undefined {
  if (!answer.trimEnd().endsWith(section("end"))) return undefined;
  const found: Record<string, string> = {};
  for (const block of answer.split("\n\n")) {
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(block)?.[1] ?? "";
    const id = value("Id");
    if (id !== "") found[id] = value("ActiveState") === "active" ? value("InvocationID") : "";
  }
  return found;
}

/** Units of a turn that still have to be restarted: whose run is the one of before, or that don't run. Pure. */
export function unitsLeft(
  { host, units }: Turn,
  { before }: Pick<RestartRecord, "before">,
  now: Invocations,
): string[] {
  return units.filter((unit) => {
    const run = now[unit] ?? "";
    return run === "" || run === before[host]?.[unit];
  });
}

export type TurnState = "to do" | "half way" | "done";

export function turnState(turn: Turn, record: RestartRecord, now: Invocations): TurnState {
  if (record.done.includes(turn.host)) return "done";
  const left = unitsLeft(turn, record, now);
  return left.length === turn.units.length && record.movedFrom !== turn.host ? "to do" : "half way";
}

/** Why a record can't be gone on with by this choice; undefined where it can. */
export function otherTurns(record: RestartRecord, turns: readonly Turn[]): string | undefined {
  const text = (all: readonly Turn[]) =>
    all
      .map(({ host, units }) => `${host} ${units.map(shortUnit).join("+")}`)
      .toSorted()
      .join(", ");
  return text(record.turns) === text(turns) ? undefined : text(record.turns);
}
