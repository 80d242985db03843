import type { ChannelModel } from "amqplib";
import type { Log } from "./log.ts";
import { onOwnChannel, preconditionFailed, replyCodeOf } from "./own-channel.ts";
import { declareTopology, type QueueDeclaration, type QueueDefaults, type Topology } from "./topology.ts";

/**
 * Handles the `renewable` queues of a topology that exist with other arguments (another window, for example). A queue that is
 * empty and has no consumer is deleted and declared again. Another one is used as it is, until a start that finds it empty; the
 * returned promise resolves to the names of those. Between deleting and binding again there are a few milliseconds in which
 * nothing is routed to the queue.
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
    if (found.messageCount > (queue.keptMessages ?? 0) || found.consumerCount > 0) {
      log.warn(
        { queue: queue.name, reason, messages: found.messageCount },
        "the queue has other arguments than configured and is in use: using it as it is until a start finds it empty",
      );
      return true;
    }
    // Quorum queues don't support "delete if empty".
    await onOwnChannel(model, async (channel) => {
      await channel.deleteQueue(queue.name);
      await declareTopology(channel, { exchanges: [], queues: [queue] }, defaults);
    });
    log.warn(
      { queue: queue.name, reason },
      "the queue had other arguments than configured and was empty: declared again",
    );
    return false;
  }
}
