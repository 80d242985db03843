import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeContentHeader, type RawDelivery, type RawMessage, readContentHeader } from "./content.ts";
import { encodeTable, shortString, type Table, uint32, withLength } from "./fields.ts";
import { FrameReader, frame, frameMax, headerFrameBytesMax, methodFrame, methods, readShort, zero2 } from "./frames.ts";

export interface RawConnectionOptions {
  readonly port: number;
  readonly vhost: string;
  readonly user: string;
  readonly password: string;
  readonly onDelivery?: (delivery: RawDelivery) => void;
}

const channel = 1;
const channelMax = 16;

type Outcome = "confirmed" | "nacked" | { readonly refused: string };

/** A message whose frames are not all here yet. */
interface Arriving {
  readonly delivery: Omit<RawDelivery, "body" | "headers" | "messageId" | "appId"> | undefined;
  head: ReturnType<typeof readContentHeader> | undefined;
  readonly body: Buffer[];
  missing: number;
}

/**
 * AMQP 0-9-1 by hand, one channel: publishes what no client library would encode, and reads what none could decode. The broker closes
 * it over what it refuses; it is not opened again.
 */
export class RawConnection {
  readonly #options: RawConnectionOptions;
  readonly #socket: Socket;
  #answer = Promise.withResolvers<Buffer>();
  readonly #awaited = new Map<number, (outcome: Outcome) => void>();
  readonly #queuesByTag = new Map<string, string>();
  #published = 0;
  #oldest = 1;
  #arriving: Arriving | undefined;
  #closedBy: string | undefined;

  private constructor(options: RawConnectionOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    const reader = new FrameReader((type, payload) => this.#onFrame(type, payload));
    socket.on("data", (data: Buffer) => reader.read(data));
    socket.on("error", () => {});
    socket.on("close", () => this.#end(this.#closedBy ?? "the socket was closed"));
  }

  /** Resolves when the channel is there and confirms publishes. */
  static async open(options: RawConnectionOptions): Promise<RawConnection> {
    const socket = connect({ host: "127.0.0.1", port: options.port, noDelay: true });
    await once(socket, "connect");
    const raw = new RawConnection(options, socket);
    socket.write("AMQP\x00\x00\x09\x01", "latin1");
    await raw.#answered();
    const { user, password, vhost } = options;
    const login = withLength(Buffer.from(`\0${user}\0${password}`));
    await raw.#call(0, 10, 11, encodeTable([]), shortString("PLAIN"), login, shortString("en_US"));
    const tuned = Buffer.concat([Buffer.from([0, channelMax]), uint32(frameMax), Buffer.from([0, 0])]);
    raw.#send(0, 10, 31, tuned);
    await raw.#call(0, 10, 40, shortString(vhost), Buffer.from([0, 0]));
    await raw.#call(channel, 20, 10, Buffer.from([0]));
    await raw.#call(channel, 85, 10, Buffer.from([0]));
    return raw;
  }

  /** What the broker, or `destroy`, closed it with; undefined while it is open. */
  get closedBy(): string | undefined {
    return this.#closedBy;
  }

  get inFlight(): number {
    return this.#awaited.size;
  }

  /** Resolves to what became of it. Mandatory is not set: what no queue takes is confirmed. */
  publish({ exchange, routingKey, properties, body }: RawMessage): Promise<Outcome> {
    const outcome = Promise.withResolvers<Outcome>();
    if (this.#closedBy !== undefined) return Promise.resolve({ refused: this.#closedBy });
    this.#awaited.set(++this.#published, outcome.resolve);
    const frames = [
      methodFrame(
        channel,
        60,
        40,
        Buffer.from([0, 0]),
        shortString(exchange),
        shortString(routingKey),
        Buffer.from([0]),
      ),
      frame(2, channel, encodeContentHeader(properties, body.length)),
    ];
    for (let at = 0; at < body.length; at += headerFrameBytesMax) {
      frames.push(frame(3, channel, body.subarray(at, at + headerFrameBytesMax)));
    }
    this.#socket.write(Buffer.concat(frames));
    return outcome.promise;
  }

  async declareExchange(name: Buffer | string, type = "topic"): Promise<void> {
    const durable = 2;
    await this.#call(
      channel,
      40,
      10,
      zero2,
      shortString(name),
      shortString(type),
      Buffer.from([durable]),
      encodeTable([]),
    );
  }

  async declareQueue(name: Buffer | string, table: Table = []): Promise<void> {
    await this.#call(channel, 50, 10, zero2, shortString(name), Buffer.from([2]), encodeTable(table));
  }

  async bindQueue(
    queue: Buffer | string,
    exchange: Buffer | string,
    key: Buffer | string,
    table: Table = [],
  ): Promise<void> {
    await this.#call(
      channel,
      50,
      20,
      zero2,
      shortString(queue),
      shortString(exchange),
      shortString(key),
      Buffer.from([0]),
      encodeTable(table),
    );
  }

  /** Messages come to `onDelivery`, acked by being sent. */
  async consume(queue: string): Promise<void> {
    const tag = `raw-${this.#queuesByTag.size}`;
    this.#queuesByTag.set(tag, queue);
    const noAck = 2;
    await this.#call(
      channel,
      60,
      20,
      zero2,
      shortString(queue),
      shortString(tag),
      Buffer.from([noAck]),
      encodeTable([]),
    );
  }

  /** Resolves when all that the broker had sent before has come. */
  async roundTrip(): Promise<void> {
    await this.#call(channel, 85, 10, Buffer.from([0]));
  }

  destroy(): void {
    this.#end("closed by the test");
    this.#socket.destroy();
  }

  async #call(onChannel: number, classId: number, methodId: number, ...args: readonly Buffer[]): Promise<Buffer> {
    this.#answer = Promise.withResolvers();
    this.#send(onChannel, classId, methodId, ...args);
    return this.#answered();
  }

  async #answered(): Promise<Buffer> {
    if (this.#closedBy !== undefined) throw new Error(`the broker closed the connection: ${this.#closedBy}`);
    return this.#answer.promise;
  }

  #send(onChannel: number, classId: number, methodId: number, ...args: readonly Buffer[]): void {
    this.#socket.write(methodFrame(onChannel, classId, methodId, ...args));
  }

  #onFrame(type: number, payload: Buffer): void {
    if (type === 1) this.#onMethod(payload.readUInt32BE(0), payload);
    else if (type === 2) this.#onHeader(payload);
    else if (type === 3) this.#onBody(payload);
  }

  #onMethod(id: number, payload: Buffer): void {
    switch (id) {
      case methods.ack:
      case methods.nack:
        this.#onConfirm(Number(payload.readBigUInt64BE(4)), (payload.readUInt8(12) & 1) === 1, id === methods.ack);
        return;
      case methods.deliver:
        this.#arriving = { delivery: this.#readDeliver(payload), head: undefined, body: [], missing: 0 };
        return;
      case methods.return:
        this.#arriving = { delivery: undefined, head: undefined, body: [], missing: 0 };
        return;
      case methods.close:
      case methods.channelClose:
        this.#closedBy = readShort(payload, 6).toString();
        // What it closes over one channel is over for all: the connection has no other one.
        this.#socket.destroy();
        return;
      default:
        this.#answer.resolve(payload);
    }
  }

  #readDeliver(payload: Buffer): Arriving["delivery"] {
    const tag = readShort(payload, 4);
    const at = 4 + 1 + tag.length + 8;
    const exchange = readShort(payload, at + 1);
    const routingKey = Buffer.from(readShort(payload, at + 2 + exchange.length));
    const queue = this.#queuesByTag.get(tag.toString()) ?? "";
    return { queue, exchange: exchange.toString(), routingKey, redelivered: payload.readUInt8(at) === 1 };
  }

  #onHeader(payload: Buffer): void {
    const arriving = this.#arriving;
    if (!arriving) return;
    arriving.head = readContentHeader(Buffer.from(payload));
    arriving.missing = arriving.head.bodyBytes;
    if (arriving.missing === 0) this.#arrived(arriving);
  }

  #onBody(payload: Buffer): void {
    const arriving = this.#arriving;
    if (!arriving) return;
    arriving.body.push(Buffer.from(payload));
    arriving.missing -= payload.length;
    if (arriving.missing === 0) this.#arrived(arriving);
  }

  #arrived({ delivery, head, body }: Arriving): void {
    this.#arriving = undefined;
    if (!delivery || !head) return;
    const { headers, messageId, appId } = head;
    this.#options.onDelivery?.({ ...delivery, headers, messageId, appId, body: Buffer.concat(body) });
  }

  #onConfirm(tag: number, multiple: boolean, isAck: boolean): void {
    for (let one = multiple ? this.#oldest : tag; one <= tag; one++) {
      this.#awaited.get(one)?.(isAck ? "confirmed" : "nacked");
      this.#awaited.delete(one);
    }
    if (multiple) this.#oldest = tag + 1;
  }

  #end(reason: string): void {
    this.#closedBy ??= reason;
    // Mostly nobody waits for an answer.
    this.#answer.promise.catch(() => {});
    this.#answer.reject(new Error(`the broker closed the connection: ${this.#closedBy}`));
    for (const tell of this.#awaited.values()) tell({ refused: this.#closedBy });
    this.#awaited.clear();
  }
}
