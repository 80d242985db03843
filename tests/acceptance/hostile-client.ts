import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { outsidersSchema } from "../../infra/config/outsiders.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { needRecord } from "../../scripts/lab/registry.ts";
import { attempt, run } from "../../scripts/lab/run.ts";
import { brokerUrl, hostsOf } from "../../scripts/lab/send-products.ts";
import { bridgeOf } from "../../scripts/lab/spec.ts";
import { callBroker, withChannel } from "./broker.ts";
import { note } from "./figures.ts";
import { part } from "./one-lab.ts";
import { pagesDuring } from "./pages.ts";
import { withChangedStack } from "./stack-file.ts";
import { lab, send, stackConfig, textOf, up } from "./subject.ts";

const seconds = 120;
const connectionsPerSecond = 200;
/** As fast as it gets. */
const bytesPerSecond = 100_000_000;
const perSecond = 5;
/** The firewall's rates let it declare some five hundred in two minutes, so it doesn't reach the default. */
const queuesMax = 200;

/** Counts of `tests/flow/hostile-client.ts`. */
interface Counts {
  readonly connections: number;
  readonly connectionsRefused: number;
  readonly queues: number;
  readonly queuesRefused: number;
  readonly wildcardsRefused: number;
  readonly published: number;
  readonly unacknowledged: number;
}

/** The client connects from an address that only it has: the firewall's limits are for each address, and this machine's own one counts products. */
export function hostileClient(): void {
  part("a client with anonymous' login that takes all it can get", () => {
    it("for two minutes: delays no product, and leaves the system as before", { timeout: 900_000 }, async () => {
      const broker = ["config", "warren:brokers", (await stackConfig()).announcements.broker];
      await withChangedStack(
        (stack) => {
          // The old permissions let anonymous delete the exchange.
          stack.setIn([...broker, "permissions"], "safe");
          stack.setIn([...broker, "outsiders", "queuesMax"], queuesMax);
        },
        async () => {
          await expectUp();
          await attack();
        },
      );
      await expectUp();
    });
  });
}

async function expectUp(): Promise<void> {
  const { exitCode, output } = await up();
  expect(exitCode, output).toBe(0);
}

async function attack(): Promise<void> {
  const config = await stackConfig();
  const { index } = await needRecord(lab);
  const own = [`10.203.${index}.240/24`, "dev", bridgeOf(index)] as const;
  const { exchange, notifyTopic } = config.announcements;
  const sizes = [seconds, connectionsPerSecond, bytesPerSecond, outsidersSchema.parse({}).messageBytesMax];
  const hostile = async (): Promise<Counts> => {
    const program = join(checkoutDirectory, "tests/flow/hostile-client.ts");
    const words = [
      brokerUrl(config, "anonymous"),
      exchange,
      `${notifyTopic}.#`,
      ...sizes.map(String),
      own[0].split("/")[0] ?? "",
    ];
    return JSON.parse((await execa(process.execPath, [program, ...words])).stdout) as Counts;
  };
  const flowing = (count: number) =>
    send({ count, ratePerSecond: perSecond, signal: AbortSignal.timeout(2 * seconds * 1000) });
  const others = await itsQueues();
  const alarmsBefore = await alarms();
  const before = await flowing(50);
  await run(["ip", "address", "add", ...own]);
  try {
    const { done, pages } = await pagesDuring(() => Promise.all([flowing(perSecond * seconds), hostile()]));
    const [under, counts] = done;
    const atOnce = await flowing(50);
    const after = await flowing(50);
    const runs = { before, under, "in the first 10 s after": atOnce, "10 s after": after };
    for (const [name, { account }] of Object.entries(runs)) {
      const { p50, p99, max } = account.latencyMs;
      note(`hostile client: products ${name}`, `p50 ${p50} p99 ${p99} max ${max} ms`, "p99 250 ms");
    }
    for (const [name, count] of Object.entries(counts)) note(`hostile client: ${name}`, String(count));
    for (const [name, { account, outcome }] of Object.entries(runs)) {
      expect(outcome, name).toBe("complete");
      expect(account, name).toMatchObject({ lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 });
    }
    expect(pages).toEqual([]);
    expect(await alarms()).toEqual(alarmsBefore);
    expect(counts.queues).toBeGreaterThan(0);
    expect(counts.queuesRefused).toBeGreaterThan(0);
    expect(counts.wildcardsRefused).toBeGreaterThan(0);
    expect(counts.unacknowledged).toBeGreaterThan(0);
    expect(counts.connectionsRefused).toBeGreaterThan(counts.connections);
    // On a quiet machine 250 ms.
    expect(under.account.latencyMs.p99).toBeLessThan(1000);
    expect(after.account.latencyMs.p99).toBeLessThan(10 * Math.max(before.account.latencyMs.p99, 50));
  } finally {
    await attempt(["ip", "address", "delete", ...own]);
    await removeQueues((await itsQueues()).filter((name) => !others.includes(name)));
  }
}

/** How often each member of the cluster has stopped publishers since it was installed. */
async function alarms(): Promise<string[]> {
  const members = hostsOf(await stackConfig(), "bunny");
  return Promise.all(members.map((host) => textOf(host, "cat /var/log/rabbitmq/*.log | grep -c 'alarm set' || true")));
}

/** Queues with a name from the broker. */
async function itsQueues(): Promise<string[]> {
  const queues = await callBroker<{ name: string }[]>("GET", "queues/%2F?columns=name");
  return queues.map(({ name }) => name).filter((name) => name.startsWith("amq.gen-"));
}

async function removeQueues(names: readonly string[]): Promise<void> {
  await withChannel(async (channel) => {
    for (const name of names) await channel.deleteQueue(name);
  });
}
