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
const pollEveryMs = 100;

/**
 * RabbitMQ 3.10 on Debian 12 to 4.0 on Debian 13 and back, while products flow. Two clusters need seven hosts, so it has its own lab. Proves nothing
 * about a move during which a host of either cluster dies.
 */
export function upgraded(): void {
  part("the upgrade from 3.10 to 4.0", moves);
}

function moves(): void {
  it("is refused in place, with the reason and the command to use", async () => {
    const { exitCode, output } = await warren(["upgrade", "-s", lab, "--to", "wren", "--yes"]);
    expect(exitCode).toBe(1);
    expect(output).toContain("there is no second cluster wren beside bunny");
  });

  it(
    "moves to a second cluster under load, killed half way: nothing is lost, dispatched twice or delivered twice",
    async () => {
      await clientAt(clusters.old);
      const { counted, pauseMs } = await whileProductsFlow(async () => {
        // At the worst moment: the old dispatchers have stopped, and the new ones have not started.
        await killHalfWay(["upgrade", "--to", clusters.new], moveWithinMs, (output) =>
          output.includes("has the virtual IP"),
        );
        const { exitCode, all } = await runVerb(["upgrade", "--to", clusters.new], moveWithinMs);
        expect(exitCode, all).toBe(0);
        expect(all).toContain("continues the move of");
      });
      noteMove("3.10 to 4.0, killed in the middle of it", counted, pauseMs);
      expect(await virtualIpHolders(lab, await stackConfig())).toEqual(["heron1"]);
      await expectClient(clusters.new);
    },
    testWithinMs,
  );

  it(
    "moves back under load: nothing is lost, dispatched twice or delivered twice",
    async () => {
      const { counted, pauseMs } = await whileProductsFlow(async () => {
        const { exitCode, all } = await runVerb(["upgrade", "--return"], moveWithinMs);
        expect(exitCode, all).toBe(0);
      });
      noteMove("4.0 back to 3.10", counted, pauseMs);
      expect(await virtualIpHolders(lab, await stackConfig())).toEqual(["bunny1"]);
    },
    testWithinMs,
  );

  it(
    "moves for good under load: the old cluster is released, nothing is left to change",
    async () => {
      const holders = new Set<string>();
      const { counted, pauseMs } = await whileProductsFlow(async () => {
        const moved = await runVerb(["upgrade", "--to", clusters.new], moveWithinMs);
        expect(moved.exitCode, moved.all).toBe(0);
        await forgetTap(clusters.old);
        const finished = await holdersWhile(holders, runVerb(["upgrade", "--finish"], moveWithinMs));
        expect(finished.exitCode, finished.all).toBe(0);
      });
      noteMove("to 4.0 for good", counted, pauseMs);
      expect(await virtualIpHolders(lab, await stackConfig())).toEqual(["heron1"]);
      // The old hosts no longer get adverts of the new holder: they must not claim the address.
      expect([...holders]).toContain("heron1");
      expect([...holders].filter((host) => host.startsWith(clusters.old))).toEqual([]);
      await expectNothingToChange();
      for (const cluster of [clusters.old, clusters.new]) expect(await leftOfMove(cluster), cluster).toEqual([]);
      // Only the broker with its clients' queues is left there.
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

function noteMove(
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

/** Makes a client's objects on the old cluster: a mirrored queue with messages, a binding, a user. */
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

/** Expects the queue with its messages, replicated in the new cluster's way, and the user with its password. */
async function expectClient(cluster: string): Promise<void> {
  await withSide(cluster, async (side) => {
    // The broker's statistics lag by some seconds.
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

/** Removes the tap's queue: it stays on the old cluster with the last messages when the address moves, and would pass for a client's. */
async function forgetTap(cluster: string): Promise<void> {
  await withSide(cluster, (side) => side.remove("queues", "/", tapQueue));
}

/** Collects each host that has the virtual IP during some work. */
async function holdersWhile<Result>(holders: Set<string>, work: Promise<Result>): Promise<Result> {
  const config = await stackConfig();
  const controller = new AbortController();
  const watched = (async () => {
    for await (const _ of setInterval(pollEveryMs, undefined, { signal: controller.signal })) {
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

/** Queues, exchanges and shovels on a cluster that belong to the move or to the old cluster's dispatchers. */
async function leftOfMove(cluster: string): Promise<string[]> {
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
