import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from "amqplib";
import { acceptUndecodableHeaders } from "../../../agents/lib/undecodable-headers.ts";
import { encodeTable, shortString, type Table } from "./fields.ts";
import { encodeContentHeader, frame, frameMax, framePayloadMax, method, type RawMessage } from "./frames.ts";

interface RawConnectionOptions {
  readonly port: number;
  readonly vhost: string;
  readonly user: string;
  readonly password: string;
}

type Outcome = "confirmed" | { readonly refused: string };

/** What amqplib's types don't name. */
interface Inner {
  readonly ch: number;
  readonly connection: { sendBytes(bytes: Buffer): void };
  pushConfirmCallback(onConfirm: (error: Error | null) => void): void;
}

/**
 * A connection of amqplib that publishes and declares bytes which amqplib wouldn't encode. The broker closes it over what it refuses; it is not opened
 * again.
 */
export class RawConnection {
  readonly #model: ChannelModel;
  readonly #channel: ConfirmChannel;
  readonly #inner: Inner;
  #closedBy: string | undefined;

  private constructor(model: ChannelModel, channel: ConfirmChannel) {
    this.#model = model;
    this.#channel = channel;
    this.#inner = channel as unknown as Inner;
    const onError = (error: Error): void => {
      this.#closedBy ??= error.message;
    };
    model.on("error", onError);
    channel.on("error", onError).on("close", () => onError(new Error("the channel was closed")));
  }

  /** Resolves when the channel is there and confirms publishes. */
  static async open({ port, vhost, user, password }: RawConnectionOptions): Promise<RawConnection> {
    const address = { hostname: "127.0.0.1", port, username: user, password, vhost: encodeURIComponent(vhost) };
    const model = await connect({ ...address, heartbeat: 0, frameMax }, { noDelay: true });
    acceptUndecodableHeaders(model, () => {});
    return new RawConnection(model, await model.createConfirmChannel());
  }

  /** Amqplib's own, for what it does encode. */
  get channel(): ConfirmChannel {
    return this.#channel;
  }

  /** What the broker closed it with; undefined while it is open. */
  get closedBy(): string | undefined {
    return this.#closedBy;
  }

  /** Resolves to what became of it. Mandatory is not set: what no queue takes is confirmed. */
  publish({ exchange, routingKey, properties, body }: RawMessage): Promise<Outcome> {
    const outcome = Promise.withResolvers<Outcome>();
    if (this.#closedBy !== undefined) return Promise.resolve({ refused: this.#closedBy });
    this.#inner.pushConfirmCallback((error) => {
      outcome.resolve(error === null ? "confirmed" : { refused: this.#closedBy ?? error.message });
    });
    const frames = [
      method(this.#inner.ch, 60, 40, Buffer.alloc(2), shortString(exchange), shortString(routingKey), Buffer.alloc(1)),
      frame(2, this.#inner.ch, encodeContentHeader(properties, body.length)),
    ];
    for (let at = 0; at < body.length; at += framePayloadMax) {
      frames.push(frame(3, this.#inner.ch, body.subarray(at, at + framePayloadMax)));
    }
    this.#inner.connection.sendBytes(Buffer.concat(frames));
    return outcome.promise;
  }

  /** Durable. Sent without asking for an answer: what is published next is refused where the broker refuses this. */
  declareQueue(name: Buffer, table: Table): void {
    const durableNoWait = Buffer.from([0b1_0010]);
    const args = [Buffer.alloc(2), shortString(name), durableNoWait, encodeTable(table)];
    this.#inner.connection.sendBytes(method(this.#inner.ch, 50, 10, ...args));
  }

  /** See `declareQueue`. */
  bindQueue(queue: Buffer, exchange: string, key: Buffer, table: Table): void {
    const noWait = Buffer.from([1]);
    const names = [shortString(queue), shortString(exchange), shortString(key)];
    this.#inner.connection.sendBytes(
      method(this.#inner.ch, 50, 20, Buffer.alloc(2), ...names, noWait, encodeTable(table)),
    );
  }

  /** Messages come to `onMessage`, acked by being sent. */
  async consume(queue: string, onMessage: (message: ConsumeMessage) => void): Promise<void> {
    await this.#channel.consume(queue, (message) => message && onMessage(message), { noAck: true });
  }

  /** Resolves when all that the broker had sent before has come. */
  async roundTrip(): Promise<void> {
    await this.#channel.prefetch(0);
  }

  async close(): Promise<void> {
    await this.#model.close().catch(() => {});
  }
}
