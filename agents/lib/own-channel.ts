import type { Channel, ChannelModel } from "amqplib";

/**
 * Opens a channel for what may fail without harm, and closes it afterwards: if the broker closes it, the connection stays.
 * Rejects with the errors of `use`.
 */
export async function onOwnChannel<T>(model: ChannelModel, use: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await model.createChannel();
  // The waiting call gets the error too.
  channel.on("error", () => {});
  try {
    return await use(channel);
  } finally {
    await closeChannel(channel);
  }
}

/**
 * Resolves when it is closed, by whomever. amqplib's promise rejects if the broker has closed it already, and never settles if the connection is
 * lost before the broker answers; its event comes then too.
 */
export async function closeChannel(channel: Channel): Promise<void> {
  const closed = new Promise<void>((resolve) => channel.once("close", () => resolve()));
  await Promise.race([channel.close().catch(() => {}), closed]);
}

/** AMQP's reply code in an error of a channel. */
export function replyCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "number" ? error.code : undefined;
}

/** Nothing of that name exists. */
export const notFound = 404;
/** It exists with different properties. */
export const preconditionFailed = 406;
