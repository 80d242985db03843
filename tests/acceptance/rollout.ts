import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { placedAgents } from "../../infra/model/types.ts";
import { checkoutDirectory } from "../../scripts/lab/paths.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { note } from "./figures.ts";
import { expectAllOnce, type Flow, productsPerSecond, runVerb, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { expectNothingToChange, stackConfig, textOf, up } from "./subject.ts";

type Agent = (typeof placedAgents)[number];

const verbWithinMs = 900_000;
const testWithinMs = 1_800_000;
const programOf = (agent: Agent): string => `/opt/warren/agents/${agent}.mjs`;

/**
 * Deploys new agents while products flow: good ones, one that exits at its start, and one that exits some seconds after it was ready. After the
 * two bad ones the previous agent runs everywhere, with `rollout` and with `up`. Proves nothing about an agent that is healthy but faulty.
 */
export function rollout({ mayDeliverTwice = false, perSecond = productsPerSecond }: Flow): void {
  part("new agents", () => {
    it("are deployed one host at a time, and bad ones are rolled back, while products flow", {
      timeout: testWithinMs,
    }, async () => {
      const { account, seconds } = await allKinds(perSecond);
      note("rollout of dispatchers and pullers", `${seconds.toFixed(0)} s`);
      const called = `rollouts, good and bad ones: products during them, ${perSecond} a second`;
      expectAllOnce(account, { called, mayDeliverTwice });
      await expectNothingToChange();
    });
  });
}

async function allKinds(perSecond: number) {
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
  const exitsAtStart = () =>
    expectBack("puller", pullers, "process.exit(7);", async () => {
      const { exitCode, all } = await rollOut(2);
      expect(exitCode, all).toBe(1);
      expect(all).toContain(`rolled back to the previous agents on ${pullers[0]}`);
    });
  const exitsLater = () =>
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
  let last: Awaited<ReturnType<typeof up>> | undefined;
  let account: Awaited<ReturnType<typeof whileFlowing>>;
  try {
    account = await whileFlowing(
      [
        { name: "rollout", act: good },
        { name: "rollout of one that exits later", act: exitsLater, mayPage: true },
        { name: "rollout of one that exits at its start", act: exitsAtStart },
        { name: "up with one that exits at its start", act: byUp },
      ],
      testWithinMs,
      perSecond,
    );
  } finally {
    for (const agent of ["dispatcher", "puller"] as const) await forget(agent);
    last = await up();
  }
  expect(last.exitCode, last.output).toBe(0);
  return { account, seconds };
}

/** @param steadySeconds longer than the life of an agent that exits later, if that agent is to be detected */
const rollOut = (steadySeconds: number) => runVerb(["rollout", "--steady", String(steadySeconds)], verbWithinMs);

/** Deploys a bad bundle; expects that each host then runs the same agent as before, and that nothing changed on the hosts after the first. */
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
  const previous = await readFile(bundle(agent, "mjs"));
  // Before the agent's own code, which returns only when the agent stops.
  await plant(agent, (text) => `${line}\n${text}`);
  try {
    await work();
    expect(await seen()).toEqual(before);
  } finally {
    await plant(agent, () => previous.toString("utf8"));
  }
}

const bundle = (agent: Agent, ending: "mjs" | "json"): string =>
  join(checkoutDirectory, ".warren/artifacts", `${agent}.${ending}`);

interface Note {
  readonly artifact: object;
}

/** Changes a bundle and its note: a run uses an existing bundle as long as its note matches. */
async function plant(agent: Agent, change: (text: string) => string): Promise<void> {
  const content = change(await readFile(bundle(agent, "mjs"), "utf8"));
  const made = JSON.parse(await readFile(bundle(agent, "json"), "utf8")) as Note;
  const sha256 = createHash("sha256").update(content).digest("hex");
  const artifact = { ...made.artifact, sha256, installedSha256: sha256, bytes: Buffer.byteLength(content) };
  await writeFile(bundle(agent, "mjs"), content);
  await writeFile(bundle(agent, "json"), JSON.stringify({ ...made, artifact }));
}

/** Makes the next run bundle the checkout's own agent. */
const forget = (agent: Agent): Promise<void> => rm(bundle(agent, "json"), { force: true });
