import type { ChannelModel } from "amqplib";

/** What the broker answers if this connection's user declares a queue: `allowed`, `refused`, or another error's message. */
export async function declareAnswer(connection: ChannelModel, queue: string): Promise<string> {
  const channel = await connection.createChannel();
  // A refusal closes the channel, which emits an error too.
  channel.on("error", () => {});
  return channel.assertQueue(queue).then(
    () => "allowed",
    ({ message }: Error) => (/ACCESS.REFUSED/.test(message) ? "refused" : message),
  );
}
