import { orAborted } from "../lib/aborted.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import type { WireFormat } from "../lib/codecs.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { AmqpConfig } from "./config.ts";
import type { Duplicates } from "./duplicates.ts";
import { composeMessages, type OutgoingMessage, type ProductFacts } from "./messages.ts";
import type { Destination, Outcome, OutgoingFile } from "./ports.ts";
import { type Reading, readQueued } from "./read-file.ts";

export interface AmqpDestinationOptions {
  readonly config: AmqpConfig;
  readonly session: Pick<BrokerSession, "ready" | "publish" | "isWritable" | "writable" | "state">;
  /** Undefined if duplicates are sent. */
  readonly duplicates: Duplicates | undefined;
  readonly productFacts: ProductFacts;
  readonly now: () => number;
  readonly events: AmqpDestinationEvents;
}

export interface AmqpDestinationEvents {
  /** Confirmed, but it reached no queue. */
  unrouted(routingKey: string): void;
  leftOut(name: string, format: WireFormat, reason: string): void;
}

/** None of these is known to be the file's fault. */
const failures: Readonly<Record<Exclude<PublishOutcome, "confirmed">, string>> = {
  lost: "the connection was lost before the broker confirmed it",
  nacked: "the broker rejected it",
  returned: "it reached no queue",
};

/** Folder 0 is for retransmissions, which are intended repeats. */
const retransmissionPriority = 0;

/** Turns files into messages. A file is delivered when the broker has confirmed all its messages. Many are in flight at a time. */
export class AmqpDestination implements Destination {
  readonly #options: AmqpDestinationOptions;
  /** For files with several messages, one of which failed: those that are confirmed. By the file's identity. */
  readonly #confirmed = new Map<string, Set<string>>();

  constructor(options: AmqpDestinationOptions) {
    this.#options = options;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#options.session.ready(signal);
  }

  async deliver(
    files: readonly OutgoingFile[],
    report: (file: OutgoingFile, outcome: Outcome) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { session, config } = this.#options;
    const readings = files.map(({ file }) => readQueued(file, config.queueDirectory));
    const works: Promise<void>[] = [];
    for (const [index, outgoing] of files.entries()) {
      const reading = await readings[index];
      if (signal.aborted || !reading) {
        report(outgoing, { kind: "later", reason: "the sender is stopping", mayBeThere: false });
        continue;
      }
      // Handed to the connection one after the other, so that the broker gets them in this order.
      const { outcome } = await this.#begin(outgoing, reading);
      works.push(outcome.then((settled) => report(outgoing, settled)));
      if (!session.isWritable) await orAborted(session.writable(), signal);
    }
    await Promise.all(works);
  }

  /** Resolves when the file's messages are handed to the connection; `outcome` resolves when they are settled. */
  async #begin(outgoing: OutgoingFile, reading: Reading): Promise<{ readonly outcome: Promise<Outcome> }> {
    const { config, productFacts, duplicates, events } = this.#options;
    const at = (outcome: Outcome) => ({ outcome: Promise.resolve(outcome) });
    if (reading.kind === "gone") return at({ kind: "gone" });
    if (reading.kind === "unreadable") return at({ kind: "unfit", reason: reading.reason });
    if (reading.kind === "fault") return at({ kind: "later", reason: reading.reason, mayBeThere: false });
    const composed = await composeMessages(outgoing, reading.content, config, { productFacts, nowMs: Date.now() });
    if (!composed.ok) return at({ kind: "unfit", reason: composed.reason });
    const { file } = outgoing;
    const mayRepeat = file.priority === retransmissionPriority;
    const seen = mayRepeat ? undefined : duplicates?.begin(reading.content);
    if (seen?.state === "known") return at({ kind: "duplicate" });
    if (seen?.state === "underway") {
      return at({ kind: "later", reason: "a file with the same content is being sent", mayBeThere: false });
    }
    for (const { format, reason } of composed.value.leftOut) events.leftOut(file.name, format, reason);
    const outcome = this.#publish(outgoing, composed.value.messages).then((settled) => {
      if (seen) duplicates?.end(seen.key, settled.kind === "delivered");
      return settled;
    });
    return { outcome };
  }

  async #publish({ file }: OutgoingFile, messages: readonly OutgoingMessage[]): Promise<Outcome> {
    const { now, session } = this.#options;
    const beganMs = now();
    const isConnected = session.state !== "connecting";
    const before = this.#confirmed.get(file.identity);
    const confirmed = new Set(before);
    const outcomes = await Promise.all(
      messages
        .filter((message) => !before?.has(idOf(message)))
        .map(async (message) => ({ message, outcome: await this.#publishOne(message) })),
    );
    for (const { message, outcome } of outcomes) if (outcome === "confirmed") confirmed.add(idOf(message));
    const failed = outcomes.find(({ outcome }) => outcome !== "confirmed")?.outcome;
    if (failed !== undefined && failed !== "confirmed") {
      if (messages.length > 1) this.#confirmed.set(file.identity, confirmed);
      const mayBeThere = isConnected && outcomes.some(({ outcome }) => outcome === "lost");
      return { kind: "later", reason: failures[failed], mayBeThere };
    }
    this.#confirmed.delete(file.identity);
    return { kind: "delivered", bytes: file.sizeBytes, durationMs: now() - beganMs };
  }

  async #publishOne({ exchange, routingKey, body, headers, contentType }: OutgoingMessage): Promise<PublishOutcome> {
    const { session, config, events } = this.#options;
    const outcome = await session.publish(exchange, routingKey, body, { headers, contentType });
    if (outcome !== "returned" || config.requireQueue) return outcome;
    events.unrouted(routingKey);
    return "confirmed";
  }
}

/** Tells a file's messages apart by their format and destination. */
function idOf({ exchange, routingKey, format }: OutgoingMessage): string {
  return `${format} ${exchange} ${routingKey}`;
}
