import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Line {
  readonly client: Socket;
  readonly broker: Socket;
}

/**
 * A proxy between clients and a local broker, for tests. Holds back clients' data, and cuts connections one side at a time, like a network
 * failure that the two ends notice at different times.
 */
export class BrokerGate {
  readonly #lines = new Set<Line>();
  readonly #server: Server;
  #isHeldBack = false;

  private constructor(brokerPort: number) {
    this.#server = createServer((client) => this.#join(client, brokerPort));
  }

  static async open(brokerPort: number): Promise<BrokerGate> {
    const gate = new BrokerGate(brokerPort);
    gate.#server.listen(0, "127.0.0.1");
    await once(gate.#server, "listening");
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on holds back data from connected clients to the broker. The other direction still works. */
  holdBack(): void {
    this.#isHeldBack = true;
    for (const { client, broker } of this.#lines) {
      client.unpipe(broker);
      client.pause();
    }
  }

  /** Passes the held data on, in order. */
  release(): void {
    this.#isHeldBack = false;
    for (const { client, broker } of this.#lines) if (!broker.destroyed) client.pipe(broker);
  }

  /** Closes the connections to the broker only. */
  cutFromBroker(): void {
    for (const { broker } of this.#lines) broker.destroy();
  }

  /** Closes the clients' side too. New connections pass. */
  cutFromClients(): void {
    this.#isHeldBack = false;
    for (const line of this.#lines) {
      this.#lines.delete(line);
      line.client.destroy();
      line.broker.destroy();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cutFromClients();
    await closed;
  }

  #join(client: Socket, brokerPort: number): void {
    const broker = connect(brokerPort, "127.0.0.1");
    const line = { client, broker };
    this.#lines.add(line);
    // Either end may be reset. The close handler cuts the other end.
    client.on("error", () => {}).on("close", () => broker.destroy());
    broker.on("error", () => {}).on("end", () => client.end());
    broker.pipe(client, { end: false });
    if (!this.#isHeldBack) client.pipe(broker);
  }
}
