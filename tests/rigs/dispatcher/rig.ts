import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelModel, connect } from "amqplib";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../shared-broker.ts";

// For tests: a real broker, dispatcher processes, an announcer and a puller that count.

type Channel = Awaited<ReturnType<ChannelModel["createChannel"]>>;

/** The shared broker and a folder for one test file. */
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

  /** A name unique in the file. */
  nextName(): string {
    this.#places += 1;
    return `t${this.#places}`;
  }

  /** Changes the broker from outside. */
  async meddle(how: (channel: Channel) => unknown): Promise<void> {
    const connection = await connect(this.broker.url);
    const channel = await connection.createChannel();
    await how(channel);
    // Closing a connection with an open channel may lose messages that the channel has not handled.
    await channel.close();
    await connection.close();
  }

  async stop(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
