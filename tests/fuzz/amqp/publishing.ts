import type { RawMessage } from "./frames.ts";
import type { RawConnection } from "./raw-connection.ts";

const inFlightMax = 400;

/** Publishes messages, with some hundred in flight. */
export class Publishing {
  /** The broker's reasons for refused messages, by index of the message. */
  readonly refused = new Map<number, string>();
  readonly #connect: () => Promise<RawConnection>;
  readonly #signal: AbortSignal;
  readonly #inFlight = new Set<Promise<void>>();
  #connection: RawConnection | undefined;
  #risky: RawConnection | undefined;
  #fault: string | undefined;

  constructor(connect: () => Promise<RawConnection>, signal: AbortSignal) {
    this.#connect = connect;
    this.#signal = signal;
  }

  /** Resolves when another message may be sent. The broker may close the connection over a risky message, so that is sent alone on its own connection. */
  async send(index: number, message: RawMessage, isRisky = false): Promise<void> {
    this.#signal.throwIfAborted();
    if (isRisky) {
      if (this.#risky === undefined || this.#risky.closedBy !== undefined) this.#risky = await this.#connect();
      const outcome = await this.#risky.publish(message);
      if (outcome !== "confirmed") this.refused.set(index, outcome.refused);
      return;
    }
    this.#connection ??= await this.#connect();
    const sending: Promise<void> = this.#connection.publish(message).then((outcome) => {
      this.#inFlight.delete(sending);
      if (outcome !== "confirmed") this.#fault ??= `message ${index}: ${outcome.refused}`;
    });
    this.#inFlight.add(sending);
    while (this.#inFlight.size >= inFlightMax) await Promise.race(this.#inFlight);
    this.#check();
  }

  /** Resolves when the broker has confirmed all messages sent. */
  async sent(): Promise<void> {
    await Promise.all(this.#inFlight);
    this.#check();
  }

  #check(): void {
    if (this.#fault !== undefined)
      throw new Error(`the broker refused a message that is not marked as risky: ${this.#fault}`);
  }
}
