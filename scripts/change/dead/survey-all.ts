import { UserError } from "../../../agents/lib/errors.ts";
import type { Run } from "../runbook.ts";
import type { DeadFlags } from "./book.ts";
import { openDeadQueues } from "./brokers.ts";
import type { Selection } from "./select.ts";
import { survey } from "./settle.ts";

/**
 * Looks at each queue; they stay open until the run ends. Exit code 1 is for a broker that can't be looked at.
 *
 * @throws UserError where no broker has such a queue
 */
export async function surveyAll({ stack, flags, onEnd }: Run<DeadFlags, readonly unknown[]>, selection: Selection) {
  const { queues: open, silent, close } = await openDeadQueues(stack, flags.broker);
  onEnd.push(close);
  if (open.length === 0 && silent.length === 0) {
    const none = "no broker of it has a dead-letter queue";
    const which = flags.broker === undefined ? none : `${flags.broker} is no broker of it, or has no dead-letter queue`;
    throw new UserError(`stack ${stack}`, which, "agents declare it when they connect: ./warren verify");
  }
  const surveys = await Promise.all(open.map((queue) => survey(queue, selection, flags.atMost)));
  const letters = surveys.flatMap((one) => one.letters);
  const queues = surveys.map(({ broker, seen, of }) => ({ broker, seen, of }));
  return { open, surveys, letters, queues, silent, exitCode: silent.length > 0 ? 1 : 0 };
}
