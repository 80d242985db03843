import type { RawMessage } from "./frames.ts";
import type { RawConnection } from "./raw-connection.ts";

const inFlightMax = 400;

/** Sends messages, some hundred at once. */
export class Publishing {
  /** The broker's reasons for what it did not accept, by index of the message. */
  readonly refused = new Map<number, string>();
  readonly #connect: () => Promise<RawConnection>;
  readonly #signal: AbortSignal;
  readonly #underWay = new Set<Promise<void>>();
  #connection: RawConnection | undefined;
  #careful: RawConnection | undefined;
  #fault: string | undefined;

  constructor(connect: () => Promise<RawConnection>, signal: AbortSignal) {
    this.#connect = connect;
    this.#signal = signal;
  }

  /** Resolves when another one may be sent. What the broker may close a connection over goes by one of its own, and alone. */
  async send(index: number, message: RawMessage, isRisky = false): Promise<void> {
    this.#signal.throwIfAborted();
    if (isRisky) {
      if (this.#careful === undefined || this.#careful.closedBy !== undefined) this.#careful = await this.#connect();
      const outcome = await this.#careful.publish(message);
      if (outcome !== "confirmed") this.refused.set(index, outcome.refused);
      return;
    }
    this.#connection ??= await this.#connect();
    const sending: Promise<void> = this.#connection.publish(message).then((outcome) => {
      this.#underWay.delete(sending);
      if (outcome !== "confirmed") this.#fault ??= `message ${index}: ${outcome.refused}`;
    });
    this.#underWay.add(sending);
    while (this.#underWay.size >= inFlightMax) await Promise.race(this.#underWay);
    this.#check();
  }

  /** Resolves when the broker has confirmed all that was sent. */
  async sent(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#check();
  }

  #check(): void {
    if (this.#fault !== undefined) throw new Error(`the broker refuses what is not marked as risky: ${this.#fault}`);
  }
}
