import { setTimeout as delay } from "node:timers/promises";
import type { AsideFolder } from "../lib/aside-folder.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { Disposition } from "../lib/consumer.ts";
import { FileRules } from "../lib/file-rules.ts";
import { LocalHold, type LocalHoldEvents } from "../lib/local-hold.ts";
import { LocalFault, type ReceiverQueue } from "../lib/receiver-queue.ts";
import type { Config } from "./config.ts";
import { hashOf, type Named, nameOf, numberedName } from "./message-name.ts";
import type { PlacedLog } from "./placed-log.ts";

/** One message in hand. `signal` aborts when it is ours no more: the broker gives it out again. */
export interface Received extends Named {
  readonly body: Buffer;
  readonly exchange: string;
  readonly redelivered: boolean;
  readonly signal: AbortSignal;
}

/** What happens, for the log and the metrics. */
export interface ReceiverEvents extends LocalHoldEvents {
  /** Under that name; `numbered` where another file had it. */
  placed(name: string, bytes: number, numbered: boolean): void;
  /** `waiting`: a file of that name and content is there; `before`: it was placed before, and may be gone. */
  alreadyThere(name: string, how: "waiting" | "before"): void;
  rejected(name: string, pattern: string | undefined): void;
  /** It can't be a file. `aside`: kept in that folder; else it becomes a dead letter. */
  unfit(reason: string, routingKey: string, where: "aside" | "dead letter"): void;
  /** Only knowing it after a restart is at stake. */
  notRemembered(error: Error): void;
}

export interface ReceiverPorts {
  readonly receiverQueue: ReceiverQueue;
  /** Undefined where what can't be a file becomes a dead letter. */
  readonly aside: AsideFolder | undefined;
  readonly placedLog: PlacedLog;
  readonly events: ReceiverEvents;
}

type ReceiverConfig = Pick<
  Config,
  "rules" | "nameHeader" | "nameTemplate" | "sameName" | "fileBytesMax" | "retryDelayMaxMs"
>;

const retryDelayMinMs = 100;
/** Files of one name that wait with different contents: whoever takes them from the folder has stopped doing so. */
const sameNameMax = 1000;
/** Puts each message into the receiver queue folder as a file, whole or not at all. */
export class Receiver {
  readonly #config: ReceiverConfig;
  readonly #ports: ReceiverPorts;
  readonly #rules: FileRules;
  readonly #local: LocalHold;
  readonly #stopping = new AbortController();
  /** By name: messages of one name go one after the other. */
  readonly #inTurn = new Map<string, Promise<unknown>>();

  constructor(config: ReceiverConfig, ports: ReceiverPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#rules = new FileRules(config.rules, true);
    this.#local = new LocalHold(ports.events);
  }

  /** Why this host takes no files at the moment; undefined where it does. */
  get localFault(): LocalFault | undefined {
    return this.#local.fault;
  }

  /** What waits for room goes back to the queue; what is being written is finished. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Acked: its file is in the folder, on disk; or it is kept aside; or the rules are against it. Requeued: the agent stops. A dead
   * letter: it can't be a file.
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
      const reason = `it has ${bytes} bytes, at most ${fileBytesMax} are taken`;
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

  /** Tries until this host takes it: nothing is given up for want of room. */
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
      // The process that placed it may have come no further.
      await receiverQueue.sync();
      events.alreadyThere(name, "before");
      return "ack";
    }
    // Noted as soon as the file has its name, and not when that is on disk: it may be taken meanwhile, and the process may die.
    const note = async () => {
      try {
        if (hash !== undefined) placedLog.add(hash);
      } catch (error) {
        events.notRemembered(error as Error);
      }
    };
    const placed = await this.#placeUnder(message, name, note);
    if ("unfit" in placed) return this.#refuse(message, placed.unfit);
    if (placed.isThere) {
      await note();
      events.alreadyThere(placed.name, "waiting");
    } else events.placed(placed.name, message.body.length, placed.name !== name);
    return "ack";
  }

  /** Under which name it is there now, or why it can't be. */
  async #placeUnder(
    { body }: Received,
    name: string,
    note: () => Promise<void>,
  ): Promise<{ name: string; isThere: boolean } | { unfit: string }> {
    const { receiverQueue } = this.#ports;
    if (await receiverQueue.has(name, body)) return { name, isThere: true };
    const file = await receiverQueue.receive();
    try {
      await file.write(body);
      if (this.#config.sameName === "replace") {
        await file.place(name, note);
        return { name, isThere: false };
      }
      for (let number = 1; number <= sameNameMax; number += 1) {
        const candidate = number === 1 ? name : numberedName(name, number);
        if (await file.placeNew(candidate, note)) return { name: candidate, isThere: false };
        if (await receiverQueue.has(candidate, body)) return { name: candidate, isThere: true };
      }
      return { unfit: `${sameNameMax} files of the name ${name} wait already` };
    } catch (error) {
      const unfit = error instanceof LocalFault ? error.nameFault : undefined;
      if (unfit === undefined) throw error;
      return { unfit };
    } finally {
      await file.discard();
    }
  }

  /** What can't be a file is kept where a person finds it, with the reason. */
  async #refuse(message: Received, reason: string): Promise<Disposition> {
    const { aside, events } = this.#ports;
    const { body, routingKey, exchange, headers, messageId } = message;
    if (!aside) {
      events.unfit(reason, routingKey, "dead letter");
      return { deadLetter: reason };
    }
    const said = headers[this.#config.nameHeader];
    const name = typeof said === "string" ? said : "";
    try {
      await aside.keep(body, { name, reason, exchange, routingKey, headers, messageId });
    } catch (error) {
      throw new LocalFault(aside.directory, error as NodeJS.ErrnoException);
    }
    events.unfit(reason, routingKey, "aside");
    return "ack";
  }
}
