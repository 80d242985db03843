import * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import { run } from "../../../infra/commands/command.ts";
import { actionOn, type HostAction } from "../../../infra/hosts/act.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import type { RestartFlags } from "./book.ts";
import { type HostStep, planHostSteps, shortUnit } from "./plan.ts";

/** The record of a restart that is under way. */
export const restartRecord = z.object({
  startedAt: z.string(),
  turns: z.array(z.object({ host: z.string(), units: z.array(z.string()).readonly(), isMember: z.boolean() })),
  /** The current host, and for each unit the invocation to be replaced: systemd gives each start of a unit its own id. */
  begun: z.object({ host: z.string(), before: z.record(z.string(), z.string()) }).optional(),
  /** The host that was told to release the virtual IP. */
  movedFrom: z.string().optional(),
  /** Hosts that are done: the system recovered after their turn. */
  done: z.array(z.string()),
});
export type RestartRecord = z.infer<typeof restartRecord>;

/** Invocation ids by unit; empty for a unit that doesn't run. */
export type Invocations = Record<string, string>;

export function askInvocations({ host, units }: HostStep): HostAction {
  const command = run("systemctl", "show", "--property=Id,InvocationID,ActiveState", ...units);
  return actionOn(host, "reports the invocations of its units", command, 20);
}

/** Parses the output of `systemctl show`, one block a unit. */
export function parseInvocations(answer: string): Invocations {
  const found: Invocations = {};
  for (const block of answer.split("\n\n")) {
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(block)?.[1] ?? "";
    const id = value("Id");
    if (id !== "") found[id] = value("ActiveState") === "active" ? value("InvocationID") : "";
  }
  return found;
}

export type StepState = "to do" | "half way" | "done";

export function stepState({ host }: HostStep, { done, begun }: Pick<RestartRecord, "done" | "begun">): StepState {
  if (done.includes(host)) return "done";
  return begun?.host === host ? "half way" : "to do";
}

/** Units that still have to be restarted in a turn that has begun: those with the same invocation as before, and those that don't run. Pure. */
export function unitsLeft({ units }: HostStep, before: Invocations, now: Invocations): string[] {
  return units.filter((unit) => {
    const found = now[unit] ?? "";
    return found === "" || found === before[unit];
  });
}

/** A description of the recorded restart if it differs from these turns; undefined if it can be continued. */
export function otherSteps(record: Pick<RestartRecord, "turns">, turns: readonly HostStep[]): string | undefined {
  const text = (all: readonly HostStep[]) =>
    all
      .map(({ host, units }) => `${host} ${units.map(shortUnit).join("+")}`)
      .toSorted()
      .join(", ");
  return text(record.turns) === text(turns) ? undefined : text(record.turns);
}

/** The record of a restart that was interrupted, or a new one. @throws UserError if the record is of a different restart */
export function recordOf(
  stack: string,
  { host, only }: RestartFlags,
  evidence: Evidence,
  before: RestartRecord | undefined,
): RestartRecord {
  const choice = { hosts: host, services: only };
  if (!before) {
    const turns = planHostSteps(evidence.chain, holdersOf(evidence)[0], choice);
    return { startedAt: new Date().toISOString(), turns, done: [] };
  }
  const isChosen = host !== undefined || only !== undefined;
  const isGone = before.turns.some((turn) => !evidence.chain.hosts.some(({ name: found }) => found === turn.host));
  const other = isChosen || isGone ? otherSteps(before, planHostSteps(evidence.chain, undefined, choice)) : undefined;
  if (other === undefined) {
    process.stderr.write(`continues the restart of ${before.startedAt} (--again starts from scratch)\n`);
    return before;
  }
  throw new UserError(
    `stack ${stack}`,
    `a different restart, of ${other}, was interrupted; it started ${before.startedAt}`,
    `${isGone ? "" : `continue it with ./warren restart -s ${stack}, or `}add --again to drop it and start this one`,
  );
}
