import { setTimeout as delay } from "node:timers/promises";
import type { AsideFolder } from "../lib/aside-folder.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { Disposition } from "../lib/consumer.ts";
import { FileRules } from "../lib/file-rules.ts";
import { LocalHold, type LocalHoldEvents } from "../lib/local-hold.ts";
import type { PlacedLog } from "../lib/placed-log.ts";
import { LocalFault, type ReceiverQueue } from "../lib/receiver-queue.ts";
import type { Config } from "./config.ts";
import { hashOf, type Named, nameOf, numberedName } from "./message-name.ts";

/** One unacknowledged message. `signal` aborts when its connection is lost and the broker will redeliver it. */
export interface Received extends Named {
  readonly body: Buffer;
  readonly exchange: string;
  readonly redelivered: boolean;
  readonly signal: AbortSignal;
}

/** For the log and the metrics. */
export interface ReceiverEvents extends LocalHoldEvents {
  /** Placed under that name; `numbered` if another file had the original name. */
  placed(name: string, bytes: number, numbered: boolean): void;
  /** `waiting`: a file with that name and content exists; `before`: it was placed before and may be gone. */
  alreadyThere(name: string, how: "waiting" | "before"): void;
  rejected(name: string, pattern: string | undefined): void;
  /** It can't become a file and is set aside, or dead-lettered. */
  unfit(reason: string, routingKey: string, where: "aside" | "dead letter"): void;
  /** A restarted process won't know that it was placed; nothing else is affected. */
  notRemembered(error: Error): void;
}

export interface ReceiverPorts {
  readonly receiverQueue: ReceiverQueue;
  /** Undefined if messages that can't become files are dead-lettered. */
  readonly aside: AsideFolder | undefined;
  readonly placedLog: PlacedLog;
  readonly events: ReceiverEvents;
}

type ReceiverConfig = Pick<
  Config,
  "rules" | "nameHeader" | "nameTemplate" | "sameName" | "fileBytesMax" | "retryDelayMaxMs"
>;

const retryDelayMinMs = 100;
/** So many waiting files of one name, with different contents, mean that nobody empties the folder any more. */
const sameNameMax = 1000;

/** Writes each message to a file in the receiver queue folder, complete or not at all. */
export class Receiver {
  readonly #config: ReceiverConfig;
  readonly #ports: ReceiverPorts;
  readonly #rules: FileRules;
  readonly #local: LocalHold;
  readonly #stopping = new AbortController();
  /** By name: messages with the same name are handled one after the other. */
  readonly #inTurn = new Map<string, Promise<unknown>>();

  constructor(config: ReceiverConfig, ports: ReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#rules = new FileRules(config.rules, true);
    this.#local = new LocalHold(ports.events);
  }

  /** Why files can't be written at the moment; undefined if they can. */
  get localFault(): LocalFault | undefined {
    return this.#local.fault;
  }

  /** Requeues messages that wait for room; finishes those being written. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Acked: its file is in the folder, on disk; or it is set aside; or the rules reject it. Requeued: the agent is stopping, or the
   * connection is lost. Dead-lettered: it can't become a file.
   */
  async handle(message: Received): Promise<Disposition> {
    const { nameHeader, nameTemplate, fileBytesMax } = this.#config;
    const name = nameOf(message, nameHeader, nameTemplate);
    if (!name.ok) return this.#untilDone(message, () => this.#refuse(message, name.reason));
    const { accepted, pattern } = this.#rules.judge(name.value);
    if (!accepted) {
      this.#ports.events.rejected(name.value, pattern);
      return "ack";
    }
    const bytes = message.body.length;
    if (bytes > fileBytesMax) {
      const reason = `it has ${bytes} bytes, more than fileBytesMax, ${fileBytesMax}`;
      return this.#untilDone(message, () => this.#refuse(message, reason));
    }
    const before = this.#inTurn.get(name.value);
    const work = (before ?? Promise.resolve()).then(() =>
      this.#untilDone(message, () => this.#place(message, name.value)),
    );
    const done = work.catch(() => {});
    this.#inTurn.set(name.value, done);
    try {
      return await work;
    } finally {
      if (this.#inTurn.get(name.value) === done) this.#inTurn.delete(name.value);
    }
  }

  /** Retries until this host can write the file: a full disk loses no message. */
  async #untilDone(message: Received, work: () => Promise<Disposition>): Promise<Disposition> {
    const signal = AbortSignal.any([this.#stopping.signal, message.signal]);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const disposition = await work();
        this.#local.clear();
        return disposition;
      } catch (error) {
        if (!(error instanceof LocalFault)) throw error;
        this.#local.tell(error);
        const pauseMs = backoffMs({ minMs: retryDelayMinMs, maxMs: this.#config.retryDelayMaxMs }, attempt);
        const isOver = await delay(pauseMs, false, { signal }).catch(() => true);
        if (isOver) return "requeue";
      }
    }
  }

  async #place(message: Received, name: string): Promise<Disposition> {
    const { placedLog, receiverQueue, events } = this.#ports;
    const hash = message.messageId === undefined ? undefined : hashOf(message);
    if (message.redelivered && hash !== undefined && placedLog.has(hash)) {
      // The process that placed it may have been killed before the sync.
      await receiverQueue.sync();
      events.alreadyThere(name, "before");
      return "ack";
    }
    // Recorded as soon as the file has its name, before the sync: the file may be moved away and the process killed meanwhile.
    const record = async () => {
      try {
        if (hash !== undefined) placedLog.add(hash);
      } catch (error) {
        events.notRemembered(error as Error);
      }
    };
    const placed = await this.#placeUnder(message, name, record);
    if ("unfit" in placed) return this.#refuse(message, placed.unfit);
    if (placed.isThere) {
      await record();
      events.alreadyThere(placed.name, "waiting");
    } else events.placed(placed.name, message.body.length, placed.name !== name);
    return "ack";
  }

  /** Returns the name under which the file exists now, or why it can't. */
  async #placeUnder(
    { body }: Received,
    name: string,
    record: () => Promise<void>,
  ): Promise<{ name: string; isThere: boolean } | { unfit: string }> {
    const { receiverQueue } = this.#ports;
    if (await receiverQueue.has(name, body)) return { name, isThere: true };
    const file = await receiverQueue.receive();
    try {
      await file.write(body);
      if (this.#config.sameName === "replace") {
        await file.place(name, record);
        return { name, isThere: false };
      }
      for (let number = 1; number <= sameNameMax; number += 1) {
        const candidate = number === 1 ? name : numberedName(name, number);
        if (await file.placeNew(candidate, record)) return { name: candidate, isThere: false };
        if (await receiverQueue.has(candidate, body)) return { name: candidate, isThere: true };
      }
      return { unfit: `${sameNameMax} files named ${name} are already waiting` };
    } catch (error) {
      const unfit = error instanceof LocalFault ? error.nameFault : undefined;
      if (unfit === undefined) throw error;
      return { unfit };
    } finally {
      await file.discard();
    }
  }

  /** Sets aside or dead-letters a message that can't become a file, with the reason. */
  async #refuse(message: Received, reason: string): Promise<Disposition> {
    const { aside, events } = this.#ports;
    const { body, routingKey, exchange, headers, messageId } = message;
    if (!aside) {
      events.unfit(reason, routingKey, "dead letter");
      return { deadLetter: reason };
    }
    const header = headers[this.#config.nameHeader];
    const name = typeof header === "string" ? header : "";
    try {
      await aside.keep(body, { name, reason, exchange, routingKey, headers, messageId });
    } catch (error) {
      throw new LocalFault(aside.directory, error as NodeJS.ErrnoException);
    }
    events.unfit(reason, routingKey, "aside");
    return "ack";
  }
}
