import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelModel, connect } from "amqplib";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../shared-broker.ts";

// For tests: a real broker, dispatchers as processes of their own, an announcer and a puller that keep count.

type Channel = Awaited<ReturnType<ChannelModel["createChannel"]>>;

/** The broker and a folder, for one file of tests. */
export class Rig {
  readonly broker: LocalBroker;
  readonly folder: string;
  #places = 0;

  static async start(): Promise<Rig> {
    const broker = await sharedBroker();
    const folder = await mkdtemp(join(tmpdir(), "warren-dispatcher-"));
    await writeFile(join(folder, "password"), broker.adminPassword);
    return new Rig(broker, folder);
  }

  private constructor(broker: LocalBroker, folder: string) {
    this.broker = broker;
    this.folder = folder;
  }

  get brokerSettings() {
    return {
      hosts: [`127.0.0.1:${this.broker.amqpPort}`],
      user: this.broker.adminUser,
      passwordFile: join(this.folder, "password"),
      reconnectDelayMaxMs: 500,
    };
  }

  /** A name that no other test of the file has. */
  nextName(): string {
    this.#places += 1;
    return `t${this.#places}`;
  }

  /** Somebody else changes the broker. */
  async meddle(how: (channel: Channel) => unknown): Promise<void> {
    const connection = await connect(this.broker.url);
    const channel = await connection.createChannel();
    await how(channel);
    // Closed with its channel still open, a connection may take along what the channel has not handled.
    await channel.close();
    await connection.close();
  }

  async stop(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
