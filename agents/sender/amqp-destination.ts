import { aborted } from "../lib/aborted.ts";
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
  /** Undefined where the same content is sent as often as it comes. */
  readonly duplicates: Duplicates | undefined;
  readonly productFacts: ProductFacts;
  readonly now: () => number;
  readonly events: AmqpDestinationEvents;
}

export interface AmqpDestinationEvents {
  /** Confirmed, and no queue took it. */
  unrouted(routingKey: string): void;
  leftOut(name: string, format: WireFormat, reason: string): void;
}

/** Not this file's fault, as far as anyone knows. */
const failures: Readonly<Record<Exclude<PublishOutcome, "confirmed">, string>> = {
  lost: "the connection went before the broker confirmed it",
  nacked: "the broker could not take it",
  returned: "no queue takes it",
};

/** Folder 0 is for retransmissions, which are asked for. */
const retransmissionPriority = 0;

/** Files become messages; a file is delivered when the broker has confirmed all of them. Many are under way at a time. */
export class AmqpDestination implements Destination {
  readonly #options: AmqpDestinationOptions;
  /** Of files with several messages, one of which failed: which ones the broker has. By the file's identity. */
  readonly #confirmed = new Map<string, Set<string>>();

  constructor(options: AmqpDestinationOptions) {
    this.#options = options;
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#options.session.ready(signal);
  }

  async deliver(
    files: readonly OutgoingFile[],
    tell: (file: OutgoingFile, outcome: Outcome) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { session, config } = this.#options;
    const readings = files.map(({ file }) => readQueued(file, config.queueDirectory));
    const works: Promise<void>[] = [];
    for (const [index, outgoing] of files.entries()) {
      const reading = await readings[index];
      if (signal.aborted || !reading) {
        tell(outgoing, { kind: "later", reason: "the sender ends", mayBeThere: false });
        continue;
      }
      // One after the other until it is handed to the connection: the broker gets them in this order.
      const { outcome } = await this.#begin(outgoing, reading);
      works.push(outcome.then((told) => tell(outgoing, told)));
      if (!session.isWritable) await Promise.race([session.writable(), aborted(signal)]);
    }
    await Promise.all(works);
  }

  /** Resolves when the file's messages are handed over, with what will become of them. */
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
    const twin = mayRepeat ? undefined : duplicates?.begin(reading.content);
    if (twin?.state === "known") return at({ kind: "duplicate" });
    if (twin?.state === "underway") {
      return at({ kind: "later", reason: "the same content is on its way", mayBeThere: false });
    }
    for (const { format, reason } of composed.value.leftOut) events.leftOut(file.name, format, reason);
    const outcome = this.#publish(outgoing, composed.value.messages).then((told) => {
      if (twin) duplicates?.end(twin.key, told.kind === "delivered");
      return told;
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

/** One file's messages differ by where they go. */
function idOf({ exchange, routingKey, format }: OutgoingMessage): string {
  return `${format} ${exchange} ${routingKey}`;
}
