import type { Choices } from "./choices.ts";
import { type Command, type Entry, type Held, Line } from "./line.ts";
import { bitOf, type Message, type Mode, onLosingSide, queueCount, queueNumber, queuesASide } from "./message.ts";

export interface BrokerHooks {
  landed(queue: number, message: Message): void;
  /** An ack has been read. */
  gone(message: Message): void;
  nowMs(): number;
}

export interface BrokerOptions {
  readonly mode: Mode;
  /** Ledger queues have a single active consumer, as the input queue always has. */
  readonly ledgerSingleActive: boolean;
}

/** The broker cluster as its clients see it: queues with leaders, publishes in flight to each queue, single active consumers. */
export class Broker {
  readonly queues: Entry[][] = Array.from({ length: queueCount }, () => []);
  readonly consumers: Line[][] = Array.from({ length: queueCount }, () => []);
  /** The queue has no leader now: nothing gets in or out. */
  readonly stalled: boolean[] = new Array(queueCount).fill(false);
  readonly leader: number[] = [0, 1, 0, 1, 0, 1, 0, 1];
  readonly nodeUp = [true, true, true];
  /** No queue is bound to the dispatchers' topics. */
  unbound = false;
  /** The memory or disk alarm: publishers are blocked. */
  blocked = false;
  /** A queue refuses this many of the next publishes. */
  refusals = 0;
  lines: Line[] = [];
  /** In a partitioned mirrored pair: the host whose broker is restarted at the end, and loses its own messages. */
  losing: number | undefined;
  partedAtMs = Number.NEGATIVE_INFINITY;
  readonly #options: BrokerOptions;
  readonly #choices: Choices;
  readonly #hooks: BrokerHooks;
  #nextPosition = 1;
  #turn = 0;

  constructor(options: BrokerOptions, choices: Choices, hooks: BrokerHooks) {
    this.#options = options;
    this.#choices = choices;
    this.#hooks = hooks;
  }

  /** Queues that exist now. */
  get queueCount(): number {
    return this.losing === undefined ? queuesASide : queueCount;
  }

  /** A host's queue of that number: in a partition each side has its own. */
  queueFor(host: number, queue: number): number {
    return host === this.losing ? queue + queuesASide : queue;
  }

  /** `beside`: the broker's host. */
  open(name: string, queue: number, prefetch: number, beside: number): Line | undefined {
    const first = this.#choices.below(this.nodeUp.length);
    for (let step = 0; step < this.nodeUp.length; step++) {
      const node = (first + step) % this.nodeUp.length;
      if (!this.nodeUp[node]) continue;
      const line = new Line(name, this.queueFor(beside, queue), prefetch, node, beside);
      this.lines.push(line);
      return line;
    }
    return undefined;
  }

  /** Reads up to `count` of the client's commands. Returns how many. */
  read(line: Line, count: number): number {
    if (line.cut === "link") return this.#readBehindCut(line);
    let done = 0;
    while (done < count && line.brokerSees) {
      const command = line.up[0];
      if (!command || (this.blocked && command.op === "publish")) break;
      line.up.shift();
      this.#obey(line, command);
      done++;
    }
    return done;
  }

  /** Puts a message that has no channel into its queues at that host's broker. */
  put(message: Message, beside: number): void {
    if (beside === this.losing) message.losingSinceMs = this.partedAtMs;
    for (let queue = 0; queue < queuesASide; queue++) {
      if (message.targets & bitOf(queue)) this.#land(message, this.queueFor(beside, queue));
    }
  }

  publish(line: Line, message: Message): void {
    if (this.unbound && (message.kind === "notify" || message.kind === "twin")) {
      if (message.claim > 0) line.down.push({ op: "outcome", claim: message.claim, outcome: "returned" });
      return;
    }
    if (this.refusals > 0 && message.claim > 0) {
      this.refusals--;
      message.refused = true;
      const targets = line.pending(message);
      const drawn = this.#choices.below(1 << queuesASide);
      if (this.#options.mode === "partial") message.died = (drawn | onLosingSide(drawn)) & targets;
      else message.died = targets;
    }
    line.publishing.push(message);
    if (line.isOnLosingSide) message.losingSinceMs = this.partedAtMs;
    if (!this.#choices.chance(25)) for (let queue = 0; queue < this.queueCount; queue++) this.landNext(line, queue);
    this.#settle(line);
  }

  /** The channel's oldest publish that is in flight to `queue` arrives there. */
  landNext(line: Line, queue: number): boolean {
    const bit = bitOf(queue);
    if (this.stalled[queue] || line.cut === "link") return false;
    const message = line.publishing.find((each) => (line.pending(each) & bit) !== 0);
    if (!message) return false;
    this.#land(message, queue);
    this.#settle(line);
    return true;
  }

  /**
   * The broker finds the channel closed. It has read some of the commands sent before. Publishes in flight reach their queues or are lost.
   * Then the channel's unacknowledged messages are redelivered, and the next consumer becomes active.
   */
  end(line: Line, commandsRead: number): void {
    if (!line.brokerSees) return;
    this.read(line, commandsRead);
    line.brokerSees = false;
    this.#decideFate(line, line.publishing.length);
    line.up.length = 0;
    this.lines = this.lines.filter((each) => each !== line);
    // Requeued messages are in place before the next consumer gets any.
    this.#remove(line);
    this.giveBack(line);
  }

  /** The queue requeues the channel's messages and prefers other consumers. The channel isn't notified. */
  suspect(line: Line): void {
    const list = this.consumers[line.queue];
    if (!list || list.length < 2 || list[0] !== line) return;
    list.push(...list.splice(0, 1));
    this.giveBack(line);
  }

  giveBack(line: Line): void {
    for (let index = line.held.length - 1; index >= 0; index--) {
      const held = line.held[index];
      if (held) this.#return(held);
    }
    line.held = [];
    this.feed(line.queue);
  }

  feed(queue: number): void {
    const entries = this.queues[queue];
    const consumers = this.consumers[queue];
    if (!entries || !consumers || this.stalled[queue]) return;
    while (entries.length > 0 && consumers.length > 0) {
      const line = this.#fed(queue, consumers);
      if (!line || line.held.length >= line.prefetch || line.cut === "link") return;
      const entry = entries.shift();
      if (!entry) return;
      const tag = line.nextTag++;
      line.held.push({ entry, queue, tag });
      const { message, redelivered } = entry;
      line.down.push({ op: "deliver", tag, consumer: line.consumer, message, redelivered });
    }
  }

  /** The node handles the command, but the queues don't receive it. Only a close matters. */
  #readBehindCut(line: Line): number {
    const close = line.up.findIndex(({ op }) => op === "close");
    if (close < 0) return 0;
    // Publishes in flight die with the channel. The queues find the close later.
    this.#decideFate(line, 0);
    line.up.length = 0;
    return 1;
  }

  /** A puller takes the next product. The model has no channel for it. */
  take(queue: number): Entry | undefined {
    return this.stalled[queue] ? undefined : this.queues[queue]?.shift();
  }

  putBack(queue: number, entry: Entry): void {
    this.#return({ entry, queue, tag: 0 });
  }

  /** Records expire from the ledgers after the window. */
  expireLedgers(beforeMs: number): void {
    for (let queue = 0; queue < this.queueCount; queue++) {
      if (queue % queuesASide < queueNumber.ledgerOf(0)) continue;
      const entries = this.queues[queue] ?? [];
      while (entries[0] && entries[0].message.decidedAtMs < beforeMs) entries.shift();
    }
  }

  #fed(queue: number, consumers: readonly Line[]): Line | undefined {
    const single = queue % queuesASide === queueNumber.input || this.#options.ledgerSingleActive;
    return consumers[single ? 0 : this.#turn++ % consumers.length];
  }

  #obey(line: Line, command: Command): void {
    switch (command.op) {
      case "publish":
        this.publish(line, command.message);
        break;
      case "ack":
        this.#ack(line, command.tag, command.multiple);
        break;
      case "requeue": {
        const index = line.held.findIndex(({ tag }) => tag === command.tag);
        for (const held of index < 0 ? [] : line.held.splice(index, 1)) this.#return(held);
        break;
      }
      case "consume":
        line.consumer = command.consumer;
        this.consumers[line.queue]?.push(line);
        break;
      case "cancel":
        this.#remove(line);
        break;
      case "close":
        this.end(line, 0);
    }
    this.feed(line.queue);
  }

  #ack(line: Line, tag: number, multiple: boolean): void {
    const index = line.held.findIndex((held) => held.tag === tag);
    // A suspected channel may settle messages that it no longer holds: the queue ignores that.
    if (index < 0) return;
    const acked = multiple ? line.held.splice(0, index + 1) : line.held.splice(index, 1);
    if (line.queue % queuesASide !== queueNumber.input) return;
    for (const { entry } of acked) this.#hooks.gone(entry.message);
  }

  #remove(line: Line): void {
    const list = this.consumers[line.queue];
    const index = list?.indexOf(line) ?? -1;
    if (index >= 0) list?.splice(index, 1);
    line.consumer = 0;
  }

  #return({ entry, queue }: Held): void {
    entry.redelivered = true;
    const entries = this.queues[queue] ?? [];
    let index = 0;
    while (index < entries.length && (entries[index]?.position ?? 0) < entry.position) index++;
    entries.splice(index, 0, entry);
  }

  #land(message: Message, queue: number): void {
    message.landed |= bitOf(queue);
    if (queue % queuesASide === queueNumber.input) message.copies++;
    this.queues[queue]?.push({ message, redelivered: false, position: this.#nextPosition++ });
    this.#hooks.landed(queue, message);
    this.feed(queue);
  }

  #settle(line: Line): void {
    for (let index = 0; index < line.publishing.length; ) {
      const message = line.publishing[index];
      if (message && line.pending(message)) {
        index++;
        continue;
      }
      line.publishing.splice(index, 1);
      if (message) message.doneAtMs = this.#hooks.nowMs();
      if (message && message.claim > 0) {
        line.down.push({ op: "outcome", claim: message.claim, outcome: message.refused ? "nacked" : "confirmed" });
      }
    }
  }

  /** For each queue, a random number of the channel's publishes in flight (`most` at most) arrive; the rest are lost. */
  #decideFate(line: Line, most: number): void {
    const { publishing } = line;
    if (publishing.length === 0) return;
    const cut = this.#choices.below(most + 1);
    for (let queue = 0; queue < this.queueCount; queue++) {
      const bit = bitOf(queue);
      const upTo = this.#options.mode === "atomic" ? cut : this.#choices.below(most + 1);
      for (const [index, message] of publishing.entries()) {
        if ((line.pending(message) & bit) === 0) continue;
        const started = this.#options.mode === "atomic" && message.landed !== 0;
        if (index < upTo || started) this.#land(message, queue);
        else message.died |= bit;
        message.doneAtMs = this.#hooks.nowMs();
      }
    }
    publishing.length = 0;
  }
}
