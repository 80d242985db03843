import type { ChannelModel } from "amqplib";
import type { Log } from "./log.ts";
import { onOwnChannel, preconditionFailed, replyCodeOf } from "./own-channel.ts";
import { declareTopology, type QueueDeclaration, type QueueDefaults, type Topology } from "./topology.ts";

/**
 * Sees to the queues of a topology that are `renewable` and there with other arguments than they are declared with (another window, say):
 * one that is empty and that nobody reads is deleted and declared anew; another is used as it is, until a start that finds it empty.
 * Resolves to the names of the latter. Between deleting and binding again lie a few milliseconds in which nothing is put into it.
 */
export async function renewQueues(
  model: ChannelModel,
  topology: Topology,
  defaults: QueueDefaults,
  log: Log,
): Promise<ReadonlySet<string>> {
  const asTheyAre = new Set<string>();
  for (const queue of topology.queues) {
    if (queue.renewable && (await isUsedAsItIs(model, queue, defaults, log))) asTheyAre.add(queue.name);
  }
  return asTheyAre;
}

async function isUsedAsItIs(
  model: ChannelModel,
  queue: QueueDeclaration,
  defaults: QueueDefaults,
  log: Log,
): Promise<boolean> {
  const unbound = { exchanges: [], queues: [{ ...queue, bindings: [] }] };
  try {
    await onOwnChannel(model, (channel) => declareTopology(channel, unbound, defaults));
    return false;
  } catch (error) {
    if (replyCodeOf(error) !== preconditionFailed) throw error;
    const reason = (error as Error).message;
    const found = await onOwnChannel(model, (channel) => channel.checkQueue(queue.name));
    if (found.messageCount + found.consumerCount > 0) {
      log.warn(
        { queue: queue.name, reason, messages: found.messageCount },
        "the queue has other arguments than the config asks for, and is in use: used as it is, until a start that finds it empty",
      );
      return true;
    }
    // Quorum queues know no "delete if empty".
    await onOwnChannel(model, async (channel) => {
      await channel.deleteQueue(queue.name);
      await declareTopology(channel, { exchanges: [], queues: [queue] }, defaults);
    });
    log.warn(
      { queue: queue.name, reason },
      "the queue had other arguments than the config asks for, and was empty: declared anew",
    );
    return false;
  }
}
