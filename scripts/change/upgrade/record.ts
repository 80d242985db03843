import { relative } from "node:path";
import * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { seriesNames } from "../../../infra/config/series.ts";
import { checkout } from "../../engine/places.ts";
import { stackConfigFile } from "../../engine/stack-config.ts";
import type { UpgradeFlags } from "./book.ts";

/** In order. Each step can be repeated after it was interrupted. `--return` begins with the third. */
export const stepNames = ["build", "definitions", "ledgers", "cutover", "drain", "config", "verify"] as const;
export type StepName = (typeof stepNames)[number];

/** What each step does, for the plan. */
export const stepTexts: Readonly<Record<StepName, string>> = {
  build:
    "`up` builds the new cluster beside the old one; its dispatchers are on standby, and agents accept either cluster",
  definitions: "clients' definitions on the old cluster that the config doesn't declare are created on the new one",
  ledgers: "the new dispatchers learn what was sent, from the old journal and then continuously; and vice versa",
  cutover:
    "the old dispatchers stop, the virtual IP moves, and the new ones start when they know everything sent; announcements wait on disk for seconds",
  drain: "messages left in the old queues are carried over, each with its key and headers",
  config:
    "the two clusters change places in the stack file, and `up` applies it; the old dispatchers are on standby again",
  verify: "wait until the system is healthy",
};

/** The progress of a move. */
export const upgradeRecord = z.object({
  from: z.string(),
  to: z.string(),
  startedAt: z.string(),
  /** A move back to the original cluster. */
  isReturn: z.boolean(),
  done: z.array(z.enum(stepNames)),
  /** The journal was copied to the new hosts, and must not be copied again: their dispatchers may have learned more since. */
  hasJournals: z.boolean().default(false),
  /** Milliseconds in which no dispatcher was active, as measured here. */
  pauseMs: z.number().optional(),
});
export type UpgradeRecord = z.infer<typeof upgradeRecord>;

export const stepsOf = ({ isReturn }: Pick<UpgradeRecord, "isReturn">): readonly StepName[] =>
  isReturn ? stepNames.slice(stepNames.indexOf("ledgers")) : stepNames;

/** The interrupted move, or a new one. @throws UserError if this move is not possible */
export function recordOf(
  stack: string,
  config: StackConfig,
  flags: UpgradeFlags,
  before: UpgradeRecord | undefined,
): UpgradeRecord {
  if (before) {
    const isSame = before.isReturn ? flags.return === true : flags.to === before.to;
    if (isSame) return before;
    if (flags.return && before.done.includes("ledgers")) return turnedBack(before);
    throw brokenOff(stack, before);
  }
  const { broker, beside } = config.announcements;
  const to = flags.return ? beside : flags.to;
  if (to === broker)
    throw new UserError(
      "upgrade",
      `the announcements are already on ${to}`,
      "move back with --return, or release the other cluster with --finish",
    );
  if (beside === undefined || to !== beside) {
    const given = to === undefined ? "" : `, and announcements.beside: ${to}`;
    throw new UserError(
      "upgrade",
      `there is no second cluster${to === undefined ? "" : ` ${to}`} beside ${broker}`,
      `another series needs a second cluster: define one in ${relative(checkout, stackConfigFile(stack))} under warren:brokers, with its own hosts, the same virtualIp, lower priorities${given}`,
    );
  }
  const ageOf = (cluster: string) => seriesNames.indexOf(config.brokers[cluster]?.series ?? "3.10");
  if (flags.return && ageOf(broker) < ageOf(beside)) {
    throw new UserError(
      "upgrade",
      `${broker} is the older cluster, so nothing has been moved yet`,
      `move with ./warren upgrade -s ${stack} --to ${beside}`,
    );
  }
  const isReturn = ageOf(beside) < ageOf(broker);
  return { from: broker, to: beside, startedAt: new Date().toISOString(), isReturn, done: [], hasJournals: false };
}

/** Correct wherever the address is by now, because each cluster knows what the other one has sent. */
const turnedBack = ({ from, to, startedAt }: UpgradeRecord): UpgradeRecord => ({
  ...{ from: to, to: from, startedAt, isReturn: true, hasJournals: true },
  done: ["ledgers"],
});

export function brokenOff(stack: string, before: UpgradeRecord): UserError {
  const done = before.done.join(", ") || "nothing";
  const remedy = `continue it with ./warren upgrade -s ${stack} ${optionOf(before)}`;
  return new UserError("upgrade", `a move to ${before.to} was interrupted; done: ${done}`, remedy);
}

const optionOf = ({ isReturn, to }: UpgradeRecord): string => (isReturn ? "--return" : `--to ${to}`);
