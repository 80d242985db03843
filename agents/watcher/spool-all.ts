import { type Spool, SpoolFullError } from "../lib/spool.ts";
import type { SpooledPublisher } from "../lib/spooled-publisher.ts";
import type { OutgoingMessage } from "./messages.ts";

export interface SpoolAllOptions {
  readonly exchange: string;
  readonly publisher: Pick<SpooledPublisher, "publish">;
  readonly spool: Pick<Spool, "bytes">;
  readonly bytesMax: number;
}

/** What the spool stores for a message besides its body, at most: routing key, headers, names of fields. */
const envelopeBytesMax = 4096;

/**
 * Resolves when all messages of one change are on disk. If there is no room for all, none is stored: the change will be retried with
 * all of its messages, and a stored one would be published twice.
 */
export async function spoolAll(messages: readonly OutgoingMessage[], options: SpoolAllOptions): Promise<void> {
  const { exchange, publisher, spool, bytesMax } = options;
  // The spool writes bodies in base64.
  const bytes = messages.reduce(
    (sum, { message }) => sum + Math.ceil(message.body.length / 3) * 4 + envelopeBytesMax,
    0,
  );
  if (spool.bytes + bytes > bytesMax) throw new SpoolFullError(`the spool is full: its limit is ${bytesMax} bytes`);
  await Promise.all(messages.map(({ routingKey, message }) => publisher.publish({ exchange, routingKey, ...message })));
}
