import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { placedAgents } from "../../infra/model/types.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { note } from "./figures.ts";
import { expectAllOnce, productsPerSecond, runVerb, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { expectNothingToChange, stackConfig, textOf, up } from "./subject.ts";

type Agent = (typeof placedAgents)[number];

const verbWithinMs = 900_000;
const testWithinMs = 1_800_000;
const programOf = (agent: Agent): string => `/opt/warren/agents/${agent}.mjs`;

/**
 * New agents are deployed while products flow: good ones, one that exits at its start, and one that exits some seconds after it was ready. The latter
 * two leave the previous one running everywhere, by `rollout` and by `up`. Does not prove what a healthy but faulty agent does to products.
 */
export function rollout({ mayDeliverTwice }: { readonly mayDeliverTwice: boolean }): void {
  part("new agents", () => {
    it("come one host at a time, and bad ones go back, while products flow", { timeout: testWithinMs }, async () => {
      const { account, seconds } = await allKinds();
      note("rollout of dispatchers and pullers", `${seconds.toFixed(0)} s`);
      const called = `rollouts, good and bad ones: products meanwhile, ${productsPerSecond} a second`;
      expectAllOnce(account, { called, mayDeliverTwice });
      await expectNothingToChange();
    });
  });
}

async function allKinds() {
  const config = await stackConfig();
  const pullers = hostsOf(config, "pds");
  const members = config.brokers[config.announcements.broker]?.members ?? [];
  let seconds = 0;
  const good = async () => {
    for (const agent of ["dispatcher", "puller"] as const) await plant(agent, (text) => `${text}\n// another one\n`);
    const beganMs = performance.now();
    const { exitCode, all } = await rollOut(2);
    seconds = (performance.now() - beganMs) / 1000;
    expect(exitCode, all).toBe(0);
    for (const host of pullers) expect(await textOf(host, `tail -n 1 ${programOf("puller")}`)).toBe("// another one");
    for (const host of members) {
      expect(await textOf(host, `tail -n 1 ${programOf("dispatcher")}`)).toBe("// another one");
    }
  };
  const endsAtStart = () =>
    expectBack("puller", pullers, "process.exit(7);", async () => {
      const { exitCode, all } = await rollOut(2);
      expect(exitCode, all).toBe(1);
      expect(all).toContain(`rolled back to the previous agents on ${pullers[0]}`);
    });
  const endsLater = () =>
    expectBack("dispatcher", members, "setTimeout(() => process.exit(7), 5000);", async () => {
      const { exitCode, all } = await rollOut(8);
      expect(exitCode, all).toBe(1);
      expect(all).toMatch(/dispatcher (runs|is healthy)/);
    });
  const byUp = () =>
    expectBack("puller", pullers, "process.exit(7);", async () => {
      const failed = await up();
      expect(failed.exitCode, failed.output).not.toBe(0);
      expect(failed.output).toContain("the previous one is restored and running");
    });
  try {
    const account = await whileFlowing(
      [
        { name: "rollout", act: good },
        { name: "rollout of one that ends later", act: endsLater },
        { name: "rollout of one that ends at its start", act: endsAtStart },
        { name: "up with one that ends at its start", act: byUp },
      ],
      testWithinMs,
    );
    return { account, seconds };
  } finally {
    for (const agent of ["dispatcher", "puller"] as const) await forget(agent);
    const last = await up();
    expect(last.exitCode, last.output).toBe(0);
  }
}

/** @param steadySeconds longer than what one that ends later lives, where it is to be found */
const rollOut = (steadySeconds: number) => runVerb(["rollout", "--steady", String(steadySeconds)], verbWithinMs);

/** A bad bundle comes, and afterwards each host runs what it ran before, and nothing has moved on the hosts behind the first. */
async function expectBack(
  agent: Agent,
  hosts: readonly string[],
  line: string,
  work: () => Promise<void>,
): Promise<void> {
  const seen = () =>
    Promise.all(
      hosts.map((host) => textOf(host, `sha256sum <${programOf(agent)}; systemctl is-active warren-${agent}`)),
    );
  const before = await seen();
  const former = await readFile(bundle(agent, "mjs"));
  // Before the agent's own: that comes to its end when the agent does.
  await plant(agent, (text) => `${line}\n${text}`);
  try {
    await work();
    expect(await seen()).toEqual(before);
  } finally {
    await plant(agent, () => former.toString("utf8"));
  }
}

const bundle = (agent: Agent, ending: "mjs" | "json"): string =>
  join(checkoutDirectory, ".warren/artifacts", `${agent}.${ending}`);

interface Note {
  readonly artifact: object;
}

/** What was bundled before is taken for it again, as long as its note says so. */
async function plant(agent: Agent, change: (text: string) => string): Promise<void> {
  const content = change(await readFile(bundle(agent, "mjs"), "utf8"));
  const made = JSON.parse(await readFile(bundle(agent, "json"), "utf8")) as Note;
  const sha256 = createHash("sha256").update(content).digest("hex");
  const artifact = { ...made.artifact, sha256, installedSha256: sha256, bytes: Buffer.byteLength(content) };
  await writeFile(bundle(agent, "mjs"), content);
  await writeFile(bundle(agent, "json"), JSON.stringify({ ...made, artifact }));
}

/** The next run bundles the checkout's own. */
const forget = (agent: Agent): Promise<void> => rm(bundle(agent, "json"), { force: true });
