import { setInterval } from "node:timers/promises";
import { connect } from "amqplib";
import { expect, it } from "vitest";
import { ledgerHostOf } from "../../infra/model/agent-queues.ts";
import { ownPrefix } from "../../scripts/change/upgrade/carrier.ts";
import { openSide, type Side } from "../../scripts/change/upgrade/side.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { type Account, account, longestPauseMs } from "../chaos/account.ts";
import { countProducts } from "../chaos/count.ts";
import { closeScene, openScene } from "../chaos/scene.ts";
import { tapQueue } from "../chaos/tap.ts";
import { note } from "./figures.ts";
import { killHalfWay, productsPerSecond, runVerb } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { expectNothingToChange, lab, stackConfig, textOf, warren } from "./subject.ts";
import { clusters } from "./upgrade-subject.ts";

const seed = 11;
const testWithinMs = 900_000;
const moveWithinMs = 600_000;
const lookEveryMs = 100;

/**
 * RabbitMQ 3.10 on Debian 12 to 4.0 on Debian 13 and back, while products flow. Two clusters take seven hosts, so it has a lab of its own. Doesn't prove
 * what becomes of it when a host of either cluster dies meanwhile.
 */
export function upgraded(): void {
  part("the way from 3.10 to 4.0", moves);
}

function moves(): void {
  it("is refused in place, with the reason and the way", async () => {
    const { exitCode, output } = await warren(["upgrade", "-s", lab, "--to", "wren", "--yes"]);
    expect(exitCode).toBe(1);
    expect(output).toContain("there is no second cluster wren beside bunny");
  });

  it(
    "goes by a second cluster under load, killed half way: nothing is lost, nothing goes out or comes twice",
    async () => {
      await clientAt(clusters.old);
      const { counted, pauseMs } = await whileProductsFlow(async () => {
        // In the worst moment: dispatchers have ended, and others have not begun.
        await killHalfWay(["upgrade", "--to", clusters.new], moveWithinMs, (said) =>
          said.includes("has the virtual IP"),
        );
        const { exitCode, all } = await runVerb(["upgrade", "--to", clusters.new], moveWithinMs);
        expect(exitCode, all).toBe(0);
        expect(all).toContain("continues the move of");
      });
      tell("3.10 to 4.0, killed in the middle of it", counted, pauseMs);
      expect(await virtualIpHolders(lab, await stackConfig())).toEqual(["heron1"]);
      await expectClient(clusters.new);
    },
    testWithinMs,
  );

  it(
    "goes back under load: nothing is lost, nothing goes out or comes twice",
    async () => {
      const { counted, pauseMs } = await whileProductsFlow(async () => {
        const { exitCode, all } = await runVerb(["upgrade", "--return"], moveWithinMs);
        expect(exitCode, all).toBe(0);
      });
      tell("4.0 back to 3.10", counted, pauseMs);
      expect(await virtualIpHolders(lab, await stackConfig())).toEqual(["bunny1"]);
    },
    testWithinMs,
  );

  it(
    "goes there for good under load: the old cluster is let go, nothing is left to change",
    async () => {
      const holders = new Set<string>();
      const { counted, pauseMs } = await whileProductsFlow(async () => {
        const moved = await runVerb(["upgrade", "--to", clusters.new], moveWithinMs);
        expect(moved.exitCode, moved.all).toBe(0);
        await forgetTap(clusters.old);
        const finished = await holdersWhile(holders, runVerb(["upgrade", "--finish"], moveWithinMs));
        expect(finished.exitCode, finished.all).toBe(0);
      });
      tell("to 4.0 for good", counted, pauseMs);
      expect(await virtualIpHolders(lab, await stackConfig())).toEqual(["heron1"]);
      // Nobody tells the old hosts any more that the address has its host.
      expect([...holders]).toContain("heron1");
      expect([...holders].filter((host) => host.startsWith(clusters.old))).toEqual([]);
      await expectNothingToChange();
      for (const cluster of [clusters.old, clusters.new]) expect(await carried(cluster), cluster).toEqual([]);
      // Nothing but the broker and its clients' queues is left there.
      expect(await textOf("bunny1", "systemctl is-active rabbitmq-server keepalived warren-dispatcher")).toBe(
        "active\ninactive\ninactive",
      );
      const again = await warren(["upgrade", "-s", lab, "--return", "--yes"]);
      expect([again.exitCode, again.output]).toEqual([
        1,
        expect.stringContaining("there is no second cluster beside heron"),
      ]);
    },
    testWithinMs,
  );
}

function tell(
  what: string,
  { lost, repeatedAnnounced, repeatedDelivered, wrong, attempted }: Account,
  pauseMs: number,
) {
  note(what, `${attempted} products`);
  note("  … lost", String(lost), "0");
  note("  … dispatched twice", String(repeatedAnnounced), "0");
  note("  … delivered twice", String(repeatedDelivered), "0");
  note("  … longest time without a dispatch", `${pauseMs} ms`);
  expect({ lost, repeatedAnnounced, repeatedDelivered, wrong }).toEqual({
    ...{ lost: 0, repeatedAnnounced: 0, repeatedDelivered: 0, wrong: 0 },
  });
}

async function withSide<Result>(cluster: string, work: (side: Side) => Promise<Result>): Promise<Result> {
  const config = await stackConfig();
  const side = openSide({ stack: lab, config }, cluster, await readOperatorCa(lab), AbortSignal.timeout(60_000));
  try {
    return await work(side);
  } finally {
    side.close();
  }
}

const waiting = 7;

/** What a client has on the old cluster: a mirrored queue with messages, a binding, a user of his own. */
async function clientAt(cluster: string): Promise<void> {
  await withSide(cluster, async (side) => {
    await side.put(["users", "partner"], { password: "partner-of-the-test", tags: "" });
    await side.put(["permissions", "/", "partner"], { configure: "^q_partner", write: "^q_partner", read: ".*" });
    const mirrored = { pattern: "^q_partner", "apply-to": "queues", definition: { "ha-mode": "all" } };
    await side.put(["policies", "/", "partner"], mirrored);
    await side.put(["queues", "/", "q_partner"], { durable: true, arguments: {} });
    await side.post(["bindings", "/", "e", "cmc", "q", "q_partner"], { routing_key: "v00.partner.#" });
    const message = { routing_key: "v00.partner.test", payload: "kept", payload_encoding: "string" };
    for (let number = 0; number < waiting; number += 1) {
      await side.post(["exchanges", "/", "cmc", "publish"], { ...message, properties: { delivery_mode: 2 } });
    }
  });
}

/** The queue has come with its messages, replicated as it goes there, and the user with his password. */
async function expectClient(cluster: string): Promise<void> {
  await withSide(cluster, async (side) => {
    // Statistics are some seconds late.
    await expect
      .poll(() => side.get("queues", "/", "q_partner"), { timeout: 30_000 })
      .toMatchObject({ type: "quorum", messages: waiting });
    expect(await side.get("bindings", "/", "e", "cmc", "q", "q_partner")).toMatchObject([
      { routing_key: "v00.partner.#" },
    ]);
    const [{ address } = { address: "" }] = side.cluster.members;
    await (await connect(`amqp://partner:partner-of-the-test@${address}`)).close();
  });
}

/** Its queue is where it was when the address moves on, with what went out last: it would be taken for a client's. */
async function forgetTap(cluster: string): Promise<void> {
  await withSide(cluster, (side) => side.remove("queues", "/", tapQueue));
}

/** Adds each host that has the virtual IP while something is done. */
async function holdersWhile<Result>(holders: Set<string>, work: Promise<Result>): Promise<Result> {
  const config = await stackConfig();
  const controller = new AbortController();
  const watched = (async () => {
    for await (const _ of setInterval(lookEveryMs, undefined, { signal: controller.signal })) {
      for (const host of await virtualIpHolders(lab, config)) holders.add(host);
    }
  })().catch(() => {});
  try {
    return await work;
  } finally {
    controller.abort();
    await watched;
  }
}

/** What a cluster has of the carrying, and of the old one's dispatchers: queues, exchanges, shovels. */
async function carried(cluster: string): Promise<string[]> {
  return withSide(cluster, async (side) => {
    const found = await Promise.all(["queues", "exchanges"].map((kind) => side.get(kind, "/")));
    const shovels = (await side.get("parameters", "shovel")) ?? [];
    const names = [...found, shovels].flatMap((all) => (all as { name: string }[]).map(({ name }) => name));
    return names.filter((name) => name.startsWith(ownPrefix) || ledgerHostOf(name)?.startsWith(clusters.old));
  });
}

async function whileProductsFlow(work: () => Promise<void>): Promise<{ counted: Account; pauseMs: number }> {
  const scene = await openScene(lab, await stackConfig());
  const options = { scene, seed, ratePerSecond: productsPerSecond, signal: AbortSignal.timeout(testWithinMs) };
  const fromMs = Date.now();
  try {
    const { evidence } = await countProducts(options, { work });
    const pauseMs = longestPauseMs(evidence.notifies, fromMs) ?? Number.NaN;
    const counted = account(evidence, []);
    for (const { name, because } of counted.findings.slice(0, 10)) process.stderr.write(`${name}: ${because}\n`);
    return { counted, pauseMs };
  } finally {
    closeScene(scene);
    for (const cluster of [clusters.old, clusters.new]) await forgetTap(cluster);
  }
}
