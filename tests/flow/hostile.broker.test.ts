import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ChannelModel, connect } from "amqplib";
import { beforeAll, expect, test } from "vitest";
import { limitsExpression } from "../../infra/commands/rabbitmq.ts";
import { outsidersSchema } from "../../infra/config/outsiders.ts";
import { fixtureModel } from "../../infra/model/fixture.ts";
import { permissionsOf } from "../../infra/model/permissions.ts";
import type { ClusterModel } from "../../infra/model/types.ts";
import { parseObjects } from "../../infra/observe/broker-answer.ts";
import { limitsDrift } from "../../infra/observe/broker-drift.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { firstObservationOf } from "../../scripts/traffic/names.ts";
import { planProducts } from "../../scripts/traffic/plan.ts";
import { loadSamples } from "../../scripts/traffic/samples.ts";
import { sharedBroker } from "../rigs/shared-broker.ts";
import { flowPds, flowUrps, runFlow } from "./run.ts";

// A stack's limits for outsiders on a real broker, against a client that takes all it can get while products flow. A firewall's limits don't
// apply on loopback, so the client itself opens no more connections and sends no more bytes in a second than one address may. This doesn't prove
// that a firewall holds it to that.

const run = promisify(execFile);
const samples = await loadSamples();
const seconds = Number(process.env.WARREN_HOSTILE_SECONDS ?? 15);
const outsiders = outsidersSchema.parse({});
const password = "anonymous-of-the-tests";
const feederPassword = "feeder-of-the-tests";
const cluster = fixtureModel().clusters.find(({ name }) => name === "bunny") as ClusterModel;
/** Fewer queues than by default, so the client reaches the limit in seconds. Without a firewall, it gets each announcement in each of them. */
const limits = {
  queuesMax: 30,
  users: cluster.limits?.users.filter(({ name }) => ["anonymous", "feeder"].includes(name)) ?? [],
};
/** The broker is shared with other tests. */
const limitsOfNobody = limits.users
  .map(({ name }) => `rabbit_auth_backend_internal:clear_user_limits(<<"${name}">>, <<"all">>, <<"warren">>)`)
  .join(", ");
let broker: LocalBroker;

const api = async (method: string, path: string, body?: object): Promise<unknown> => {
  const login = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  const answer = await fetch(`${broker.managementUrl}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 200 ? answer.json() : undefined;
};
const urlOf = (user: string, word: string) => {
  const url = new URL(broker.url);
  Object.assign(url, { username: user, password: word });
  return url.href;
};

beforeAll(async () => {
  broker = await sharedBroker();
  await api("PUT", "users/anonymous", { password, tags: "" });
  await api("PUT", "users/feeder", { password: feederPassword, tags: "" });
  const { anonymous, feeder } = permissionsOf("safe");
  // It may read the exchange of a flow as it may read cmc.
  await api("PUT", "permissions/%2F/anonymous", { ...anonymous, read: anonymous.read.replace("cmc|", "cmc[^|]*|") });
  await api("PUT", "permissions/%2F/feeder", feeder);
  for (const { name, applyTo, ...policy } of cluster.operatorPolicies) {
    await api("PUT", `operator-policies/%2F/${name}`, { ...policy, "apply-to": applyTo });
  }
  await broker.evaluate(`application:set_env(rabbit, max_message_size, ${outsiders.messageBytesMax})`);
  expect(await broker.evaluate(limitsExpression(limits))).toBe("{ok,ok}");
  return async () => {
    await broker.evaluate('rabbit_vhost_limit:clear(<<"/">>, <<"warren">>)');
    await broker.evaluate(limitsOfNobody);
    await broker.evaluate("application:set_env(rabbit, max_message_size, 134217728)");
  };
});

const driftOf = async () => limitsDrift({ ...cluster, limits }, parseObjects(await api("GET", "definitions")));

test("a stack's limits are set by one expression, seen without drift, and drift is seen and repaired", async () => {
  expect(await driftOf()).toEqual([]);
  await api("PUT", "vhost-limits/%2F/max-queues", { value: 5 });
  await api("PUT", "user-limits/feeder/max-connections", { value: 1 });
  await api("DELETE", "user-limits/anonymous/max-channels");
  const connections = `{"max-connections":${outsiders.connectionsMax}`;
  expect(await driftOf()).toEqual([
    `limits of vhost / {"max-queues":5} instead of {"max-queues":${limits.queuesMax}}`,
    `limits of user anonymous ${connections}} instead of {"max-channels":${outsiders.channelsMax},${connections.slice(1)}}`,
    'limits of user feeder {"max-connections":1} instead of {}',
  ]);
  expect(await broker.evaluate(limitsExpression(limits))).toBe("{ok,ok}");
  expect(await driftOf()).toEqual([]);
  await api("PUT", "users/anonymous", { password, tags: "" });
  expect(await driftOf(), "a new password changes no limit").toEqual([]);
});

test("the limit on queues stops outsiders; agents declare their own queues as before", async () => {
  const expression = (queuesMax: number) => broker.evaluate(limitsExpression({ ...limits, queuesMax }));
  const agent = await connect(urlOf("feeder", feederPassword));
  const outsider = await connect(urlOf("anonymous", password));
  const declare = async (connection: ChannelModel, queue: string, options = {}) => {
    const channel = await connection.createChannel();
    channel.on("error", () => {});
    return channel.assertQueue(queue, options).then(
      () => "declared",
      ({ message }: Error) => (/queue limit .* is reached/.test(message) ? "refused" : message),
    );
  };
  const durable = { durable: true, arguments: { "x-max-length": 10 } };
  expect(await declare(agent, "cmc.urp.pull", durable)).toBe("declared");
  try {
    expect(await expression(2)).toBe("{ok,ok}");
    expect(await declare(outsider, "q_anonymous.one")).toBe("declared");
    expect(await declare(outsider, "q_anonymous.two")).toBe("refused");
    expect(await declare(outsider, "q_anonymous.one"), "an existing one").toBe("declared");
    expect(await declare(agent, "cmc.urp.pull", durable), "an existing one").toBe("declared");
    // Only the channel ends: a puller continues without its queue for questions, and tries again.
    expect(await declare(agent, "", { exclusive: true })).toBe("refused");
    expect(await declare(agent, "cmc.urp.pull", durable)).toBe("declared");
  } finally {
    await broker.evaluate(limitsExpression(limits));
    const channel = await agent.createChannel();
    for (const queue of ["cmc.urp.pull", "q_anonymous.one"]) await channel.deleteQueue(queue);
    await agent.close();
    await outsider.close();
  }
});

test("a user has no more connections and channels than its limits, and the agents' user has none", async () => {
  const anonymous = { name: "anonymous", limits: { connectionsMax: 2, channelsMax: 3 } };
  expect(await broker.evaluate(limitsExpression({ ...limits, users: [anonymous] }))).toBe("{ok,ok}");
  const opened: ChannelModel[] = [];
  const open = async (user: string, word: string) => opened.push(await connect(urlOf(user, word)));
  try {
    for (const _ of [1, 2]) await open("anonymous", password);
    await expect(open("anonymous", password)).rejects.toThrow();
    for (const _ of [1, 2, 3, 4]) await open("feeder", feederPassword);
    const [first, second] = opened;
    first?.on("error", () => {});
    for (const _ of [1, 2]) await first?.createChannel();
    await second?.createChannel();
    await expect(first?.createChannel()).rejects.toThrow();
  } finally {
    await broker.evaluate(limitsExpression(limits));
    await Promise.all(opened.map((connection) => connection.close().catch(() => {})));
  }
});

/** Products at 20 a second for as long as the hostile client works. */
async function flow(count: number, during?: () => Promise<void>) {
  const plan = planProducts(
    { urps: [...flowUrps], count, ratePerSecond: 20, seed: 7, firstObservation: firstObservationOf(new Date()) },
    samples,
  );
  let work: Promise<void> | undefined;
  const result = await runFlow({
    ...{ plan, samples, broker: broker.url, keep: false, stream: { write: () => {} } },
    signal: new AbortController().signal,
    onProgress: ({ pulled }) => {
      if (pulled > 0) work ??= during?.();
    },
  });
  await work;
  return result;
}

test("a client that opens connections, declares queues and sends without end delays products, but stops none", async () => {
  const logBefore = (await readFile(broker.logFile, "utf8")).length;
  const before = await flow(40);
  let counts: Record<string, number> = {};
  const under = await flow(20 * seconds, async () => {
    const exchange = ((await api("GET", "exchanges/%2F")) as { name: string }[]).find(({ name }) =>
      name.startsWith("cmc.flow-"),
    );
    const words = [urlOf("anonymous", password), exchange?.name ?? "", "#", String(seconds)];
    const program = join(import.meta.dirname, "hostile-client.ts");
    const { connectionsPerSecond, bytesPerSecond, messageBytesMax } = outsiders;
    const sizes = [connectionsPerSecond, bytesPerSecond, messageBytesMax].map(String);
    const { stdout } = await run(process.execPath, [program, ...words, ...sizes], { maxBuffer: 1 << 20 });
    counts = JSON.parse(stdout);
  });
  // Its queues are still there, and each flow of a test has queues of its own, which a stack's agents have already.
  await broker.evaluate(limitsExpression({ ...limits, queuesMax: 2 * limits.queuesMax }));
  const after = await flow(40);
  const figures = [before, under, after].map(({ account }) => account.latencyMs);
  process.stdout.write(`hostile: ${JSON.stringify(counts)} closed to received ms: ${JSON.stringify(figures)}\n`);

  expect(counts.connections).toBeGreaterThan(0);
  // While other queues end, each of its channels may declare one more than there is room for.
  expect(counts.queues).toBeLessThan(limits.queuesMax + (counts.declaringChannels ?? 0));
  expect(counts.queuesRefused, JSON.stringify(counts)).toBeGreaterThan(0);
  expect(counts.unacknowledged).toBeGreaterThan(0);
  expect(counts.largeRefused).toBe(1);
  const log = (await readFile(broker.logFile, "utf8")).slice(logBefore);
  expect(log).not.toMatch(/resource limit alarm set/);
  for (const { account, outcome } of [before, under, after]) {
    expect(outcome).toBe("complete");
    expect(account).toMatchObject({ lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 });
    expect(Object.keys(account.pulled)).toEqual([...flowPds]);
  }
  // Broker, agents and the hostile client share the processors of this machine, which may have other work.
  expect(figures[1]?.p99).toBeLessThan(20_000);
  expect(figures[2]?.p99).toBeLessThan(10 * Math.max(figures[0]?.p99 ?? 0, 500));
});
