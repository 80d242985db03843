import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { managementUrl } from "../../infra/observe/management.ts";
import type { Value } from "../../infra/plugins/lib/values.ts";
import { ManagementApi } from "../../infra/plugins/rabbitmq/management-api.ts";
import { readDefinitions } from "../../scripts/change/backup/brokers.ts";
import { objectNames } from "../../scripts/change/backup/definitions.ts";
import type { Progress } from "../../scripts/change/restore/progress.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { recordFile } from "../../scripts/engine/run-record.ts";
import { labDown } from "../../scripts/lab/index.ts";
import { bringHosts } from "../../scripts/lab/job.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { sendToPublic } from "../../scripts/lab/send-public.ts";
import { hostRoot } from "../../scripts/lab/ssh.ts";
import { takeUntil, withChannel } from "./broker.ts";
import { labCluster } from "./broker-change.ts";
import { noteSeconds } from "./figures.ts";
import { killHalfWay } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { expectNothingToChange, lab, send, stackConfig, warren } from "./subject.ts";

/** A backup, two restores, and products on the way. */
const testWithinMs = 600_000;
const halfWayWithinMs = 120_000;
const queue = "q_anonymous.drill";
const handMade = [
  "user partner",
  "permissions of partner",
  `queue ${queue}`,
  `binding cmc v00.drill.# to queue ${queue}`,
];

/**
 * The drill: hosts are taken away with all that was on them, and come back bare; one command brings them to products that flow.
 *
 * @param killed the command is killed half way, with its engine, and given once more
 */
export function backupAndRestore({ killed }: { readonly killed: boolean }): void {
  part("a backup", () => {
    it(
      `brings bare hosts to flowing products by one command${killed ? ", which was killed half way and given again" : ""}`,
      async () => {
        const folder = await mkdtemp(join(tmpdir(), "warren-drill-"));
        const file = join(folder, "lab.backup");
        try {
          await makeByHand();
          const product = await dispatchOne("BEFORE");
          const ca = await readOperatorCa(lab);
          const saved = await warren(["backup", "-s", lab, "--to", file]);
          noteSeconds("backup", saved.seconds);
          expect(saved.exitCode, saved.output).toBe(0);
          expect((await stat(file)).mode & 0o777).toBe(0o600);
          expect((await warren(["backup", "--verify", file])).exitCode).toBe(0);
          const over = await warren(["restore", "-s", lab, "--from", file]);
          expect(over, over.output).toMatchObject({
            exitCode: 1,
            output: expect.stringContaining("no terminal to ask on"),
          });

          await labDown(lab);
          await bringHosts(lab, AbortSignal.timeout(300_000));
          if (killed) await killHalfWay(["restore", "--from", file], halfWayWithinMs, isHalfWay);
          const restored = await warren(["restore", "-s", lab, "--from", file, "--yes"]);
          noteSeconds(`restore on bare hosts${killed ? ", the second half of it" : ""}`, restored.seconds, 90);
          expect(restored.exitCode, restored.output).toBe(0);
          expect(restored.output).toContain("restored, products can flow");
          if (killed) {
            expect(restored.output).toContain("took over the lock of");
            expect(restored.output).toContain("done: state, journals");
          }

          expect(await definedObjects()).toEqual(expect.arrayContaining(handMade));
          // Clients outside go on with the CA that they trust.
          expect(await readOperatorCa(lab)).toEqual(ca);
          await expectKnown(product);
          await expectProducts();
          await expectNothingToChange();
        } finally {
          await rm(folder, { recursive: true });
        }
      },
      testWithinMs,
    );
  });
}

/** What clients have on a broker, and no config knows. */
async function makeByHand(): Promise<void> {
  const cluster = await labCluster();
  const ca = await readOperatorCa(lab);
  const api = new ManagementApi({
    endpoints: [managementUrl(cluster, cluster.members[0]?.address ?? "")],
    username: cluster.administrator.name,
    password: cluster.administrator.password,
    ca,
  });
  const call = { subject: "what clients have", signal: AbortSignal.timeout(60_000) };
  const put = (path: string[], body: Value) => api.put(path, body, call);
  try {
    await put(["users", "partner"], { password: "partner-of-the-drill", tags: "" });
    await put(["permissions", "/", "partner"], { configure: "^q_partner", write: "^q_partner", read: ".*" });
    await put(["queues", "/", queue], { durable: true });
    await api.post(["bindings", "/", "e", "cmc", "q", queue], { routing_key: "v00.drill.#" }, call);
  } finally {
    api.close();
  }
}

async function definedObjects(): Promise<string[]> {
  const found = await readDefinitions(await labCluster(), await readOperatorCa(lab));
  if ("why" in found) throw new Error(found.why);
  return objectNames(found.answer.parsed);
}

interface Dispatched {
  readonly path: string;
  readonly name: string;
}

/** One product from a radar server, by a name of its own; undefined in a stack without radar servers. */
async function dispatchOne(what: string): Promise<Dispatched | undefined> {
  const config = await stackConfig();
  const [urp] = hostsOf(config, "urp");
  if (urp === undefined) return undefined;
  const name = `201501201810~~DRILL,${what},${Date.now()}:URP:DRL:RADAR:META`;
  const product = { name, path: `20150120/RADAR/URP/DRL/${name}::20150120180902` };
  await withProbe(async (heard) => {
    await place(urp, product.path);
    await heard("v00.urp.notify", name);
  });
  return product;
}

/** The dispatchers remember by the journal that was put back: the product is announced again, and not dispatched. */
async function expectKnown(product: Dispatched | undefined): Promise<void> {
  const [urp] = hostsOf(await stackConfig(), "urp");
  if (product === undefined || urp === undefined) return;
  const next = `201501201810~~DRILL,AFTER,${Date.now()}:URP:DRL:RADAR:META`;
  await withProbe(async (heard) => {
    await place(urp, product.path);
    await heard("v00.urp.input", product.name);
    await place(urp, `20150120/RADAR/URP/DRL/${next}::20150120180902`);
    // One dispatcher takes one after the other: a notification of the first would come before.
    const before = await heard("v00.urp.notify", next);
    expect(before.filter(([key]) => key.startsWith("v00.urp.notify"))).toEqual([]);
  });
}

type Heard = (topic: string, name: string) => Promise<(readonly [key: string, body: string])[]>;

/** Hears announcements from now on: waits for one, and gives those that came before it. */
async function withProbe(work: (heard: Heard) => Promise<void>): Promise<void> {
  await withChannel(async (channel) => {
    const { queue: probe } = await channel.assertQueue("", { exclusive: true });
    for (const topic of ["v00.urp.input.#", "v00.urp.notify.#"]) await channel.bindQueue(probe, "cmc", topic);
    await work(async (topic, name) => {
      const before: (readonly [string, string])[] = [];
      await takeUntil(channel, probe, ({ fields, content }) => {
        const body = content.toString();
        if (fields.routingKey.startsWith(topic) && body.includes(name)) return true;
        before.push([fields.routingKey, body]);
        return false;
      });
      return before;
    });
  });
}

async function place(urp: string, path: string): Promise<void> {
  const { announcements } = await stackConfig();
  const place = join(await hostRoot(lab, urp), announcements.productRoot, path);
  const arriving = join(dirname(place), ".arriving");
  await mkdir(dirname(place), { recursive: true });
  await writeFile(arriving, "of the drill");
  await rename(arriving, place);
}

/** In the middle of `up`. */
async function isHalfWay(): Promise<boolean> {
  const progress = recordFile("restore", lab);
  if (!existsSync(progress)) return false;
  const { done } = JSON.parse(readFileSync(progress, "utf8")) as Progress;
  const [host = ""] = Object.keys((await stackConfig()).hosts);
  return done.includes("journals") && existsSync(join(await hostRoot(lab, host), "etc/warren"));
}

async function expectProducts(): Promise<void> {
  const config = await stackConfig();
  if (hostsOf(config, "urp").length > 0) {
    const { account, outcome } = await send({ count: 40 });
    expect(outcome).toBe("complete");
    expect(account).toMatchObject({ dispatched: 40, lost: 0, repeated: 0 });
    return;
  }
  const result = await sendToPublic({
    ...{ name: lab, config, count: 20, ratePerSecond: 20, seed: 900 },
    signal: AbortSignal.timeout(120_000),
  });
  expect(result).toMatchObject({ outcome: "complete", account: { lost: 0, repeated: 0 } });
}
