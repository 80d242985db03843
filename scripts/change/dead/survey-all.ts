import { UserError } from "../../../agents/lib/errors.ts";
import type { Run } from "../runbook.ts";
import type { DeadFlags } from "./book.ts";
import { openDeadQueues } from "./brokers.ts";
import type { Selection } from "./select.ts";
import { survey } from "./settle.ts";

/**
 * Reads each queue; they stay open until the run ends. The exit code is 1 if a broker can't be read.
 *
 * @throws UserError if no broker has a dead-letter queue
 */
export async function surveyAll({ stack, flags, onEnd }: Run<DeadFlags, readonly unknown[]>, selection: Selection) {
  const { queues: open, silent, close } = await openDeadQueues(stack, flags.broker);
  onEnd.push(close);
  if (open.length === 0 && silent.length === 0) {
    const none = "no broker has a dead-letter queue";
    const which =
      flags.broker === undefined ? none : `there is no broker ${flags.broker}, or it has no dead-letter queue`;
    throw new UserError(
      `stack ${stack}`,
      which,
      "agents declare the queue when they connect; check them with ./warren verify",
    );
  }
  const surveys = await Promise.all(open.map((queue) => survey(queue, selection, flags.atMost)));
  const letters = surveys.flatMap((one) => one.letters);
  const queues = surveys.map(({ broker, seen, of }) => ({ broker, seen, of }));
  return { open, surveys, letters, queues, silent, exitCode: silent.length > 0 ? 1 : 0 };
}
