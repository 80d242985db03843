import { z } from "zod";

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
