import { rm } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import type { UserError } from "../../agents/lib/errors.ts";
import type { Progress } from "../../scripts/traffic/await-arrival.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { firstObservationOf } from "../../scripts/traffic/names.ts";
import { planProducts } from "../../scripts/traffic/plan.ts";
import { loadSamples } from "../../scripts/traffic/samples.ts";
import { sharedBroker } from "../rigs/shared-broker.ts";
import { type FlowResult, flowPds, flowUrps, runFlow, type Stage } from "./run.ts";

// Real agents and a real broker, killed as by a crash or a power cut. One machine and one broker: this doesn't prove anything about
// network cuts, virtual IPs and mirrored queues.

const samples = await loadSamples();
const count = 100;
/** Discards the progress line. */
const stream = { write: () => {} };
let broker: LocalBroker;
beforeAll(async () => {
  broker = await sharedBroker();
});

type Disturb = (stage: Pick<Stage, "agents" | "servers">) => Promise<void>;

/** Runs a small flow. `disturb` strikes when a third of the products has arrived and more are being written. */
async function flow(disturb?: Disturb): Promise<FlowResult> {
  const plan = planProducts(
    { urps: [...flowUrps], count, ratePerSecond: 50, seed: 7, firstObservation: firstObservationOf(new Date()) },
    samples,
  );
  let disturbed: Promise<void> | undefined;
  const onProgress = ({ pulled }: Progress, stage: Pick<Stage, "agents" | "servers">): void => {
    if (pulled >= count / 3) disturbed ??= disturb?.(stage);
  };
  const result = await runFlow({
    plan,
    samples,
    broker: broker.url,
    keep: false,
    stream,
    signal: new AbortController().signal,
    onProgress,
  });
  if (disturb) expect(disturbed, "disturbed while products were in flight").toBeDefined();
  await disturbed;
  // Kept because of a repeat, which some tests below allow. The folder of a run with losses stays for inspection.
  if (result.directory && result.account.lost === 0) await rm(result.directory, { recursive: true, force: true });
  return result;
}

function killOf(name: string): Disturb {
  return async ({ agents }) => {
    const agent = agents.get(name);
    if (!agent) throw new Error(`no agent ${name}`);
    const before = agent.pid;
    await agent.kill();
    await expect.poll(() => agent.pid, { timeout: 60_000 }).not.toBeOneOf([undefined, before]);
  };
}

describe("the flow on one machine", () => {
  test("delivers every product once and complete, through all five pullers, and leaves nothing on the broker", async () => {
    const { account, outcome, directory } = await flow();
    expect(outcome).toBe("complete");
    expect(account).toMatchObject({
      announced: { "urp-1": count, "urp-2": count },
      dispatched: count,
      lost: 0,
      repeated: 0,
      wrongSize: 0,
      wrongContent: 0,
    });
    expect(Object.keys(account.pulled)).toEqual([...flowPds]);
    for (const pulled of Object.values(account.pulled)) expect(pulled).toBeGreaterThan(0);
    for (const won of Object.values(account.won)) expect(won).toBeGreaterThan(0);
    expect(directory).toBeUndefined();
    expect(await namesOnBroker("queues")).toEqual([]);
    expect((await namesOnBroker("exchanges")).filter((name) => name.startsWith("cmc"))).toEqual([]);
  });

  // If a puller dies between placing a product and its ack, another puller delivers it too.
  test.each([
    ["an announcer", "urp-1", 0],
    ["a puller", "pds-3", 1],
    ["the dispatcher", "bunny", 0],
  ])("loses nothing if %s is killed during the run", async (_which, name, repeatedMax) => {
    const { account, outcome } = await flow(killOf(name));
    expect(outcome).toBe("complete");
    expect(account).toMatchObject({ lost: 0, wrongSize: 0, wrongContent: 0 });
    expect(account.repeated).toBeLessThanOrEqual(repeatedMax);
  });

  test("loses and repeats nothing if a URP's web server dies during the run: the other URP's products are fetched", async () => {
    const { account, outcome } = await flow(async ({ servers }) => servers.get("urp-1")?.close());
    expect(outcome).toBe("complete");
    expect(account).toMatchObject({ lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 });
  });

  test("loses nothing if the broker is killed and restarted during the run", async () => {
    const { account, details, outcome } = await flow(async () => {
      await broker.kill();
      await broker.start();
    });
    expect(outcome).toBe("complete");
    expect(account).toMatchObject({ lost: 0, wrongSize: 0, wrongContent: 0 });
    expect(details.tapGaps).toBeGreaterThan(0);
  });
});

describe("an unusable broker", () => {
  test.each([
    ["nobody listens", () => "amqp://a:secret@127.0.0.1:1/", /can't be reached at 127.0.0.1:1/],
    ["the password is wrong", () => broker.url.replace(broker.adminPassword, "secret"), /refuses user warren/],
    ["the vhost doesn't exist", () => `${broker.url}none`, /has no vhost none/],
  ])("gives one clear message without the password: %s", async (_why, url, message) => {
    const options = { plan: { urps: [...flowUrps], products: [] }, samples, broker: url(), keep: false, stream };
    const failure = runFlow({ ...options, signal: new AbortController().signal });
    await expect(failure).rejects.toMatchObject({ name: "UserError", message: expect.stringMatching(message) });
    await expect(failure).rejects.toSatisfy((error: UserError) => !/secret/.test(error.format()));
  });
});

async function namesOnBroker(kind: "queues" | "exchanges"): Promise<string[]> {
  const credentials = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  const answer = await fetch(`${broker.managementUrl}/api/${kind}`, {
    headers: { authorization: `Basic ${credentials}` },
  });
  return ((await answer.json()) as { name: string }[]).map(({ name }) => name);
}
