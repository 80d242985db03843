import type { Channel, ChannelModel } from "amqplib";

/**
 * Opens a channel for what may fail without harm, and closes it after: whatever the broker closes it over, the connection stays. Rejects
 * with what `use` rejects with.
 */
export async function onOwnChannel<T>(model: ChannelModel, use: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await model.createChannel();
  // Whoever waits for an answer gets the error, too.
  channel.on("error", () => {});
  try {
    return await use(channel);
  } finally {
    await closeQuietly(channel);
  }
}

/** Where the broker has closed it already, amqplib throws: that is what was wanted. */
async function closeQuietly(channel: Channel): Promise<void> {
  try {
    await channel.close();
  } catch {}
}

/** AMQP's reply code in an error of a channel. */
export function replyCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "number" ? error.code : undefined;
}

/** There is none of that name. */
export const notFound = 404;
/** It is there, and differs. */
export const preconditionFailed = 406;
