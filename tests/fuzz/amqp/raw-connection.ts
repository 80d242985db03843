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

/** Members that amqplib's types don't declare. */
interface Inner {
  readonly ch: number;
  readonly connection: { sendBytes(bytes: Buffer): void };
  pushConfirmCallback(onConfirm: (error: Error | null) => void): void;
}

/**
 * An amqplib connection that publishes and declares bytes which amqplib wouldn't encode. The broker closes it if it refuses them; it is not
 * reopened.
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

  /** Connects and opens a channel with publisher confirms. */
  static async open({ port, vhost, user, password }: RawConnectionOptions): Promise<RawConnection> {
    const address = { hostname: "127.0.0.1", port, username: user, password, vhost: encodeURIComponent(vhost) };
    const model = await connect({ ...address, heartbeat: 0, frameMax }, { noDelay: true });
    acceptUndecodableHeaders(model, () => {});
    return new RawConnection(model, await model.createConfirmChannel());
  }

  /** amqplib's channel, for requests that amqplib can encode. */
  get channel(): ConfirmChannel {
    return this.#channel;
  }

  /** The broker's reason for closing it; undefined while it is open. */
  get closedBy(): string | undefined {
    return this.#closedBy;
  }

  /** Resolves to the outcome. Not mandatory: a message that no queue matches is confirmed. */
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

  /** Declares a durable queue without waiting for an answer: if the broker refuses it, it refuses the next message too. */
  declareQueue(name: Buffer, table: Table): void {
    const durableNoWait = Buffer.from([0b1_0010]);
    const args = [Buffer.alloc(2), shortString(name), durableNoWait, encodeTable(table)];
    this.#inner.connection.sendBytes(method(this.#inner.ch, 50, 10, ...args));
  }

  /** Binds a queue without waiting for an answer; see `declareQueue`. */
  bindQueue(queue: Buffer, exchange: string, key: Buffer, table: Table): void {
    const noWait = Buffer.from([1]);
    const names = [shortString(queue), shortString(exchange), shortString(key)];
    this.#inner.connection.sendBytes(
      method(this.#inner.ch, 50, 20, Buffer.alloc(2), ...names, noWait, encodeTable(table)),
    );
  }

  /** Consumes a queue without acknowledgements. */
  async consume(queue: string, onMessage: (message: ConsumeMessage) => void): Promise<void> {
    await this.#channel.consume(queue, (message) => message && onMessage(message), { noAck: true });
  }

  /** Resolves after all messages that the broker had already sent have arrived. */
  async roundTrip(): Promise<void> {
    await this.#channel.prefetch(0);
  }

  async close(): Promise<void> {
    await this.#model.close().catch(() => {});
  }
}
