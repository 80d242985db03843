import { relative } from "node:path";
import { z } from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { seriesNames } from "../../../infra/config/series.ts";
import { checkout } from "../../engine/places.ts";
import { stackConfigFile } from "../../engine/stack-config.ts";
import type { UpgradeFlags } from "./book.ts";

/** In their order; each may be done again after it was broken off half way. `return` begins with the third. */
export const stepNames = ["build", "definitions", "ledgers", "cutover", "drain", "config", "verify"] as const;
export type StepName = (typeof stepNames)[number];

/** What each does, for the person who is asked. */
export const stepTexts: Readonly<Record<StepName, string>> = {
  build: "`up`: the new cluster beside the old one; its dispatchers wait, and agents take either cluster",
  definitions: "what clients have on the old one, and no config says, is made on the new one",
  ledgers:
    "the new dispatchers learn what went out, from the old ones' journal and from then on all the time; and the other way round",
  cutover:
    "the old dispatchers end, the virtual IP moves, the new ones begin when they know all; announcers wait on disk for seconds",
  drain: "what the old queues still hold is carried over, each message with its key and headers",
  config: "the stack file says which is which from now on, and `up` with it; the old dispatchers are warm again",
  verify: "all is whole",
};

/** How far a move from one cluster to the other has come. */
export const upgradeRecord = z.object({
  from: z.string(),
  to: z.string(),
  startedAt: z.string(),
  /** Back to the cluster that was first. */
  isReturn: z.boolean(),
  done: z.array(z.enum(stepNames)),
  /** The journal is on the new hosts: shovels may have told their dispatchers more since. */
  hasJournals: z.boolean().default(false),
  /** Milliseconds in which no dispatcher worked, as seen from here. */
  pauseMs: z.number().optional(),
});
export type UpgradeRecord = z.infer<typeof upgradeRecord>;

export const stepsOf = ({ isReturn }: Pick<UpgradeRecord, "isReturn">): readonly StepName[] =>
  isReturn ? stepNames.slice(stepNames.indexOf("ledgers")) : stepNames;

/** The move that was broken off, or a new one. @throws UserError where this one can't be made */
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
      `announcements are at ${to} already`,
      "--return goes back, --finish lets the other one go",
    );
  if (beside === undefined || to !== beside) {
    const given = to === undefined ? "" : `, and announcements.beside: ${to}`;
    throw new UserError(
      "upgrade",
      `no cluster stands beside ${broker}${to === undefined ? "" : ` by the name of ${to}`}`,
      `a series changes by a second cluster alone: name one in ${relative(checkout, stackConfigFile(stack))} under warren:brokers, with hosts of its own, the same virtualIp, lower priorities${given}`,
    );
  }
  const ageOf = (cluster: string) => seriesNames.indexOf(config.brokers[cluster]?.series ?? "3.10");
  if (flags.return && ageOf(broker) < ageOf(beside)) {
    throw new UserError(
      "upgrade",
      `${broker} is the older one: nothing has moved yet`,
      `./warren upgrade -s ${stack} --to ${beside}`,
    );
  }
  const isReturn = ageOf(beside) < ageOf(broker);
  return { from: broker, to: beside, startedAt: new Date().toISOString(), isReturn, done: [], hasJournals: false };
}

/** Where the address is by now doesn't matter: what the one side has, the other one knows. */
const turnedBack = ({ from, to, startedAt }: UpgradeRecord): UpgradeRecord => ({
  ...{ from: to, to: from, startedAt, isReturn: true, hasJournals: true },
  done: ["ledgers"],
});

export function brokenOff(stack: string, before: UpgradeRecord): UserError {
  const done = before.done.join(", ") || "nothing";
  const remedy = `./warren upgrade -s ${stack} ${optionOf(before)} goes on with it`;
  return new UserError("upgrade", `a move to ${before.to} was broken off, done: ${done}`, remedy);
}

const optionOf = ({ isReturn, to }: UpgradeRecord): string => (isReturn ? "--return" : `--to ${to}`);
