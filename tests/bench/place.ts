import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Channel, connect } from "amqplib";
import { pino } from "pino";
import type * as z from "zod";
import { type BrokerSession, openBrokerSession } from "../../agents/lib/broker-session.ts";
import { brokerConfig, type QueueType } from "../../agents/lib/config.ts";
import type { Topology } from "../../agents/lib/topology.ts";
import { type LocalBroker, startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { Cleanup } from "../rigs/cleanup.ts";

export interface BenchPlaceOptions {
  readonly queueType: QueueType;
  /** Plugins of RabbitMQ that the broker needs. */
  readonly plugins?: readonly string[];
  readonly onStep: (text: string) => void;
}

/** The bench's broker and folder. */
export interface BenchPlace {
  readonly directory: string;
  readonly broker: LocalBroker;
  /** An agent's `broker`. */
  readonly brokerSettings: z.input<typeof brokerConfig>;
  readonly admin: Channel;
  /** A connection of the bench. */
  open(name: string, topology: Topology): BrokerSession;
}

/** Creates the place; `cleanup` removes it. */
export async function openBenchPlace(
  { queueType, plugins = [], onStep }: BenchPlaceOptions,
  cleanup: Cleanup,
): Promise<BenchPlace> {
  const directory = await mkdtemp(join(tmpdir(), "warren-bench-"));
  cleanup.add(() => rm(directory, { recursive: true, force: true }));
  onStep("starting a broker");
  const broker = await startLocalBroker({ plugins, onProgress: onStep });
  cleanup.add(() => broker.stop());
  // RabbitMQ's default. The local broker has far less, and above half of it queues are paged out to disk.
  await broker.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)");
  const passwordFile = join(directory, "broker-password");
  await writeFile(passwordFile, broker.adminPassword, { mode: 0o600 });
  const hosts = [`127.0.0.1:${broker.amqpPort}`];
  const brokerSettings = { hosts, user: broker.adminUser, passwordFile, queueType };
  const connection = await connect(broker.url);
  connection.on("error", () => {});
  cleanup.add(() => connection.close().catch(() => {}));
  const admin = await connection.createChannel();
  const open = (name: string, topology: Topology): BrokerSession => {
    const config = brokerConfig.parse(brokerSettings);
    const session = openBrokerSession({ config, log: pino({ level: "silent" }), name, topology });
    cleanup.add(() => session.close());
    return session;
  };
  return { directory, broker, brokerSettings, admin, open };
}
