import type { BrokerSession } from "../lib/broker-session.ts";
import { deadLetter } from "../lib/dead-letter.ts";
import { topicTail } from "../lib/dispatch-topics.ts";
import { type Headers, markHeaders } from "../lib/headers.ts";
import type { Log } from "../lib/log.ts";
import type { PublishOptions } from "../lib/publisher.ts";
import type { Effect, Event } from "./events.ts";
import type { Input } from "./input.ts";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import { SyncedAcks } from "./synced-acks.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Warnings } from "./warnings.ts";

export interface EffectParts {
  readonly session: BrokerSession;
  readonly input: Input;
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly telemetry: Telemetry;
  readonly warnings: Warnings;
  readonly log: Log;
  readonly exchange: string;
  readonly inputQueue: string;
  readonly alternateTopic: string;
  /** The topic of this host's markers. */
  readonly markerTopic: string;
  /** What comes of an effect, for the core: never handled before all effects of the event under way are done. */
  tell(event: Event): void;
  /** A fault of ours: the process is to end. */
  fail(error: Error): void;
}

/** A message to be published; `claim` names its outcome. */
interface Outgoing {
  readonly claim: number;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly headers?: Headers;
  /** The window counts from the timestamp, so that is never early: whole seconds, rounded up. */
  readonly timestampSeconds?: number | undefined;
  /** What it is to a request for an alternate, where it answers one. */
  readonly answer?: "served" | "failed";
}

type Of<T extends Effect["type"]> = Extract<Effect, { type: T }>;

/** Does what the core answers. For every message only calls: no promise, no wait. */
export class Effects {
  readonly #parts: EffectParts;
  /** Dead letters on their way. */
  readonly #asides = new Set<Promise<void>>();
  /** Twins that are acked when they are on disk: whoever dies before has them given out again, and keeps them then. */
  readonly #twins: SyncedAcks;

  constructor(parts: EffectParts) {
    this.#parts = parts;
    // A disk that takes nothing must not hold up the input: a twin that is not kept costs its product only where its server dies, too.
    this.#twins = new SyncedAcks(() => parts.journal.syncedOrFault());
  }

  do(effect: Effect, nowMs: number): void {
    const { input, journal } = this.#parts;
    switch (effect.type) {
      case "publish":
        this.#publish(effect);
        break;
      case "ack":
        input.take(effect.delivery)?.ack();
        break;
      case "requeue":
        input.take(effect.delivery)?.requeue();
        break;
      case "remember":
        journal.arrival(effect.key, effect.atMs, effect.source, effect.sizeBytes, effect.certain);
        break;
      case "remember-certain":
        journal.certain(effect.key);
        break;
      case "remember-served":
        journal.served(effect.key);
        break;
      case "keep-twin":
        this.#keepTwin(effect);
        break;
      default:
        this.#doSeldom(effect, nowMs);
    }
  }

  /** Resolves when the broker has every dead letter, or it is no longer ours, and every twin acked. */
  async settled(): Promise<void> {
    await Promise.all([...this.#asides, this.#twins.settled()]);
  }

  #doSeldom(effect: Effect, nowMs: number): void {
    const { input, ledger, session, warnings, log, fail } = this.#parts;
    switch (effect.type) {
      case "subscribe":
        input.subscribe();
        break;
      case "cancel":
        input.cancel();
        break;
      case "disconnect":
        session.disconnect(effect.reason);
        break;
      case "ledger-pause":
        ledger.pause();
        log.error("entriesMax reached: the ledger is not read until there is room");
        break;
      case "ledger-resume":
        ledger.resume();
        log.info("there is room again: the ledger is read");
        break;
      case "marker":
        this.#sendMarker(effect);
        break;
      case "serve":
        this.#serve(effect).catch(fail);
        break;
      case "serve-delivery":
        this.#serveDelivery(effect);
        break;
      case "dead-letter":
        this.deadLetter(effect.delivery, effect.reason);
        break;
      case "publish-failed":
        warnings.publishFailed(effect.outcome, effect.routingKey, nowMs);
        break;
      case "doubt-settled":
        if (effect.how === "again") warnings.doubtPublishedAgain(effect.heldMs, nowMs);
        break;
      case "full":
        log.error({ entries: effect.entries }, "entriesMax reached: taking no more until the window has passed");
        break;
    }
  }

  #keepTwin({ key, delivery }: Of<"keep-twin">): void {
    const { input, journal, tell } = this.#parts;
    const ref = journal.twin(key, delivery.routingKey, delivery.body);
    const inHand = input.take(delivery.id);
    // 0: no room for it while the disk is full. A puller that asks gets its own announcement back.
    if (ref === 0) {
      inHand?.ack();
      return;
    }
    if (inHand) this.#twins.add(inHand);
    tell({ type: "twin-kept", key, ref });
  }

  /** A first arrival, with its headers. */
  #publish({ claim, routingKey, delivery, firstAtMs, doubt }: Of<"publish">): void {
    const { body } = delivery;
    const headers = doubt ? { ...delivery.headers, ...markHeaders({ doubt }) } : delivery.headers;
    this.#send({ claim, routingKey, body, headers, timestampSeconds: secondsOf(firstAtMs) });
  }

  #sendMarker({ claim, token }: Of<"marker">): void {
    this.#send({ claim, routingKey: this.#parts.markerTopic, body: Buffer.from(token, "latin1") });
  }

  /** A twin from the disk: without the headers it came with, all that is needed is in its body. */
  async #serve({ claim, routingKey, ref, reason, firstAtMs }: Of<"serve">): Promise<void> {
    const { journal, tell } = this.#parts;
    const twin = await journal.readTwin(ref);
    if (!twin) {
      tell({ type: "twin-missing", claim });
      return;
    }
    const { body } = twin;
    const headers = markHeaders({ alternate: reason });
    this.#send({ claim, routingKey, body, headers, timestampSeconds: secondsOf(firstAtMs), answer: "served" });
  }

  /** A twin that is in hand; or the request itself, where none came. */
  #serveDelivery({ claim, routingKey, delivery, reason, firstAtMs }: Of<"serve-delivery">): void {
    const { body } = delivery;
    const headers = { ...delivery.headers, ...markHeaders({ alternate: reason }) };
    // A puller passes the first arrival on with its request.
    const timestampSeconds = secondsOf(firstAtMs) ?? delivery.timestampSeconds;
    const isRequest = topicTail(this.#parts.alternateTopic, delivery.routingKey) !== undefined;
    this.#send({ claim, routingKey, body, headers, timestampSeconds, answer: isRequest ? "failed" : "served" });
  }

  /** The outcome is told once, never before this returns. */
  #send({ claim, routingKey, body, headers, timestampSeconds, answer }: Outgoing): void {
    const { session, exchange, telemetry, tell } = this.#parts;
    const options: PublishOptions = {
      contentType: "text/plain",
      ...(headers === undefined ? {} : { headers }),
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    };
    session.send(exchange, routingKey, body, options, (outcome) => {
      if (answer && outcome === "confirmed") telemetry.alternate(answer);
      tell({ type: "outcome", claim, outcome });
    });
  }

  /** The delivery goes to the dead letters, whatever the core thinks of it. */
  deadLetter(id: number, reason: string): void {
    const { session, log, input, inputQueue: queue } = this.#parts;
    const delivery = input.take(id);
    if (!delivery) return;
    const work = deadLetter({ session, log, agent: "dispatcher", queue, delivery, reason });
    const aside = work.finally(() => this.#asides.delete(aside));
    this.#asides.add(aside);
  }
}

function secondsOf(firstAtMs: number | undefined): number | undefined {
  return firstAtMs === undefined ? undefined : Math.ceil(firstAtMs / 1000);
}
