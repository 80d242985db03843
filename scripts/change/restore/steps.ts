import { UserError } from "../../../agents/lib/errors.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import { fromAll } from "../../lib/lists.ts";
import { importDefinitions } from "../backup/brokers.ts";
import type { OpenBackup } from "../backup/file.ts";
import { putJournal } from "../backup/journals.ts";
import { stateForBareHosts } from "../backup/state.ts";
import { type EngineContext, importState, up } from "./engine.ts";
import type { RestorePlan } from "./plan.ts";
import type { Subject } from "./subject.ts";

/** What the steps of a restore work on. */
export interface Restore {
  readonly stack: string;
  readonly subject: Subject;
  readonly plan: RestorePlan;
  readonly backup: OpenBackup;
  readonly engine: EngineContext;
  readonly signal: AbortSignal;
  say(text: string): void;
}

/** Agents declare their queues when they connect. */
const agentsWithinMs = 60_000;

export async function restoreState({ subject: { state }, plan, engine, say }: Restore): Promise<void> {
  if (plan.state === "keep" || state === undefined) return;
  const text = plan.state === "whole" ? state : stateForBareHosts(state);
  if (text === undefined) return;
  say("importing the engine's state");
  await importState(engine, text);
}

export async function restoreJournals({ subject: { reach }, plan, backup, signal, say }: Restore): Promise<void> {
  await Promise.all(
    plan.journals
      .filter(({ put }) => put)
      .map(async ({ host, isRunning }) => {
        const archive = await backup.read("journal", host);
        if (!archive) return;
        say(`putting the journal back on ${host}`);
        await putJournal(reach, host, archive, { isRunning, signal }).catch((cause: Error) => {
          signal.throwIfAborted();
          throw new UserError(
            host,
            `its journal can't be put back: ${cause.message}`,
            "fix it, then run the same command again to continue",
            { cause },
          );
        });
      }),
  );
}

/** On standing hosts, the first run trusts the state about brokers that do not answer yet; the second run asks the brokers. */
export async function bringUp({ plan: { mode }, engine }: Restore): Promise<void> {
  await up(engine, "up");
  if (mode !== "bare") await up(engine, "up again, now that the brokers answer");
}

export async function restoreDefinitions(restore: Restore): Promise<string[]> {
  const { subject, plan, stack, signal, say } = restore;
  const { definitions, clusters } = subject;
  // `up` may just have created the CA.
  const ca = await readOperatorCa(stack);
  return fromAll(plan.clusters, async (name) => {
    const [cluster, wanted] = [clusters.find((one) => one.name === name), definitions[name]];
    if (!cluster || !wanted) return [];
    say(`importing definitions of ${name}`);
    const { absent, refusal } = await importDefinitions(cluster, wanted, { ca, signal, withinMs: agentsWithinMs });
    if (absent.length === 0) return [];
    return [`missing on ${name}: ${absent.join(", ")}${refusal ? `; the broker reports: ${refusal}` : ""}`];
  });
}
