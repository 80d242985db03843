import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Line {
  readonly client: Socket;
  readonly broker: Socket;
}

/**
 * Stands between clients and a broker on this machine, for tests: holds back what clients say, and cuts their connections one side at a
 * time, as a network does whose two ends learn of its end at different times.
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

  /** From now on the broker hears nothing of those that are connected; they hear it. */
  holdBack(): void {
    this.#isHeldBack = true;
    for (const { client, broker } of this.#lines) {
      client.unpipe(broker);
      client.pause();
    }
  }

  /** What was held back goes on, in its order. */
  release(): void {
    this.#isHeldBack = false;
    for (const { client, broker } of this.#lines) if (!broker.destroyed) client.pipe(broker);
  }

  /** The broker sees its clients' end; they don't see its. */
  cutFromBroker(): void {
    for (const { broker } of this.#lines) broker.destroy();
  }

  /** Clients see it, too. New connections go through. */
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
    // Either end may be reset: the other one is told by what closes it.
    client.on("error", () => {}).on("close", () => broker.destroy());
    broker.on("error", () => {}).on("end", () => client.end());
    broker.pipe(client, { end: false });
    if (!this.#isHeldBack) client.pipe(broker);
  }
}
