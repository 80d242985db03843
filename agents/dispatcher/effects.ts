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
  /** Passes the core an effect's result. It is never handled before all effects of the current event are carried out. */
  submit(event: Event): void;
  /** An internal error: the process has to exit. */
  fail(error: Error): void;
}

/** A message to publish; `claim` names its outcome. */
interface Outgoing {
  readonly claim: number;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly headers?: Headers;
  /** The window counts from the timestamp, so the timestamp is never early: whole seconds, rounded up. */
  readonly timestampSeconds?: number | undefined;
  /** If it answers a request for an alternate: how. */
  readonly answer?: "served" | "failed";
}

type Of<T extends Effect["type"]> = Extract<Effect, { type: T }>;

/** Carries out the core's effects. For each message it makes calls only: no promise, no wait. */
export class Effects {
  readonly #parts: EffectParts;
  /** Dead letters in flight. */
  readonly #deadLetters = new Set<Promise<void>>();
  /** Twins, acked once they are on disk. If the process dies first, the broker delivers them again and they are kept then. */
  readonly #twins: SyncedAcks;

  constructor(parts: EffectParts) {
    this.#parts = parts;
    // A disk that accepts nothing must not block the input. An unkept twin costs its product only if the product's server fails too.
    this.#twins = new SyncedAcks(() => parts.journal.syncedOrFault());
  }

  do(effect: Effect, nowMs: number): void {
    const { input, journal } = this.#parts;
    switch (effect.type) {
      case "publish":
        this.#publish(effect);
        break;
      case "ack":
        input.remove(effect.delivery)?.ack();
        break;
      case "requeue":
        input.remove(effect.delivery)?.requeue();
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
        this.#doRare(effect, nowMs);
    }
  }

  /** Resolves once the broker has every dead letter (or it is no longer ours) and every twin is acked. */
  async settled(): Promise<void> {
    await Promise.all([...this.#deadLetters, this.#twins.settled()]);
  }

  #doRare(effect: Effect, nowMs: number): void {
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
        log.info("there is room again: reading the ledger");
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
        log.error(
          { entries: effect.entries },
          "entriesMax reached: no announcements accepted until the window has passed",
        );
        break;
    }
  }

  #keepTwin({ key, delivery }: Of<"keep-twin">): void {
    const { input, journal, submit } = this.#parts;
    const ref = journal.twin(key, delivery.routingKey, delivery.body);
    const unacked = input.remove(delivery.id);
    // 0: no room, because the disk is full. If a puller asks, it gets the failed announcement back.
    if (ref === 0) {
      unacked?.ack();
      return;
    }
    if (unacked) this.#twins.add(unacked);
    submit({ type: "twin-kept", key, ref });
  }

  /** A first arrival, with its headers. */
  #publish({ claim, routingKey, delivery, firstAtMs, doubt }: Of<"publish">): void {
    const { body, marks } = delivery;
    const headers = {
      ...delivery.headers,
      ...markHeaders({ doubt: doubt || undefined, joined: true, closedMs: marks.closedMs }),
    };
    this.#send({ claim, routingKey, body, headers, timestampSeconds: secondsOf(firstAtMs) });
  }

  #sendMarker({ claim, token }: Of<"marker">): void {
    this.#send({ claim, routingKey: this.#parts.markerTopic, body: Buffer.from(token, "latin1") });
  }

  /** For the ledger itself: nobody waits for its outcome, and another one follows. */
  sendMarker(token: string): void {
    const { session, exchange, markerTopic } = this.#parts;
    session.send(exchange, markerTopic, Buffer.from(token, "latin1"), { contentType: "text/plain" }, () => {});
  }

  /** A twin from disk, without its original headers: its body has everything needed. */
  async #serve({ claim, routingKey, ref, reason, closedMs, firstAtMs }: Of<"serve">): Promise<void> {
    const { journal, submit } = this.#parts;
    const twin = await journal.readTwin(ref);
    if (!twin) {
      submit({ type: "twin-missing", claim });
      return;
    }
    const { body } = twin;
    const headers = markHeaders({ alternate: reason, closedMs });
    this.#send({ claim, routingKey, body, headers, timestampSeconds: secondsOf(firstAtMs), answer: "served" });
  }

  /** A twin that is still unacked, or the request itself if no twin arrived. */
  #serveDelivery({ claim, routingKey, delivery, reason, closedMs, firstAtMs }: Of<"serve-delivery">): void {
    const { body } = delivery;
    const marks = markHeaders({ alternate: reason, closedMs: closedMs ?? delivery.marks.closedMs });
    const headers = { ...delivery.headers, ...marks };
    // With its request a puller passes on the first arrival.
    const timestampSeconds = secondsOf(firstAtMs) ?? delivery.timestampSeconds;
    const isRequest = topicTail(this.#parts.alternateTopic, delivery.routingKey) !== undefined;
    this.#send({ claim, routingKey, body, headers, timestampSeconds, answer: isRequest ? "failed" : "served" });
  }

  /** The outcome is reported once, never before this returns. */
  #send({ claim, routingKey, body, headers, timestampSeconds, answer }: Outgoing): void {
    const { session, exchange, telemetry, submit } = this.#parts;
    const options: PublishOptions = {
      contentType: "text/plain",
      ...(headers === undefined ? {} : { headers }),
      ...(timestampSeconds === undefined ? {} : { timestampSeconds }),
    };
    session.send(exchange, routingKey, body, options, (outcome) => {
      if (answer && outcome === "confirmed") telemetry.alternate(answer);
      submit({ type: "outcome", claim, outcome });
    });
  }

  /** Dead-letters the delivery, whatever the core decides about it. */
  deadLetter(id: number, reason: string): void {
    const { session, log, input, inputQueue: queue } = this.#parts;
    const delivery = input.remove(id);
    if (!delivery) return;
    const work = deadLetter({ session, log, agent: "dispatcher", queue, delivery, reason });
    const letter = work.finally(() => this.#deadLetters.delete(letter));
    this.#deadLetters.add(letter);
  }
}

function secondsOf(firstAtMs: number | undefined): number | undefined {
  return firstAtMs === undefined ? undefined : Math.ceil(firstAtMs / 1000);
}
