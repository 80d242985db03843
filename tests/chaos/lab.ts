import { readStackConfig } from "../../scripts/engine/stack-config.ts";
import { ensureToolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { bringHosts, provision } from "../../scripts/lab/job.ts";
import { findRecord } from "../../scripts/lab/registry.ts";
import { labOption } from "../../scripts/lab/spec.ts";
import { healAll, removeLeftFiles } from "./heal.ts";
import { closeScene, openScene, type Scene } from "./scene.ts";

export interface LabOptions {
  readonly lab: string;
  /** The committed stack that the lab is made from. */
  readonly stack?: string | undefined;
  readonly signal: AbortSignal;
  say(text: string): void;
}

/**
 * Runs `work` in a lab. Starts and provisions the lab if necessary. First heals the faults that an earlier run has left, and reports them.
 */
export async function withScene<T>(options: LabOptions, work: (scene: Scene) => Promise<T>): Promise<T> {
  const { lab, stack, signal, say } = options;
  await ensureToolchain({ signal });
  if ((await findRecord(lab))?.phase !== "up") {
    say(`lab ${lab} is not up: starting it (./warren lab${labOption(lab)} down removes it)`);
    await bringHosts(lab, signal, stack);
    await provision(lab, signal);
  }
  const config = await readStackConfig(lab);
  const scene = await openScene(lab, config);
  try {
    if (!(await isProvisioned(scene))) {
      say(`lab ${lab} is not provisioned: pulumi up -s ${lab}`);
      await provision(lab, signal);
    }
    for (const found of await healAll(scene)) say(`healed, left by an earlier run: ${found}`);
    const files = await removeLeftFiles(scene);
    if (files > 0) say(`deleted, left by an earlier run: ${files} files in the receiver folders`);
    return await work(scene);
  } finally {
    closeScene(scene);
  }
}

/** Whether the dispatchers are installed. A host that doesn't answer has a fault, so it was provisioned before. */
async function isProvisioned({ lab, members }: Scene): Promise<boolean> {
  const answers = await Promise.all(
    members.map((host) =>
      hostExec(lab, host, ["systemctl", "is-enabled", "warren-dispatcher"], { reject: false, timeoutMs: 10_000 }).catch(
        () => undefined,
      ),
    ),
  );
  return answers.every((answer) => answer === undefined || answer.exitCode === 0);
}
