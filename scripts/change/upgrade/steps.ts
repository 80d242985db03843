import { relative } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { and, run } from "../../../infra/commands/command.ts";
import { dispatcherUnit } from "../../../infra/model/names.ts";
import { standBackProgram } from "../../../infra/model/stand-back.ts";
import { checkout } from "../../engine/places.ts";
import { stackConfigFile } from "../../engine/stack-config.ts";
import { awaitWhole, describeLack, type Lack } from "../../inspect/wholeness.ts";
import { importDefinitions, readDefinitions } from "../backup/brokers.ts";
import { type Definitions, undeclared } from "../backup/definitions.ts";
import { type EngineContext, up } from "../restore/engine.ts";
import { ownPrefix } from "./carrier.ts";
import { cutOver } from "./cutover.ts";
import { type Drained, drain } from "./drain.ts";
import { onHost } from "./hosts.ts";
import { carryLedgers } from "./ledgers.ts";
import type { Move } from "./move.ts";
import { type StepName, stepsOf } from "./record.ts";
import { changeStackFile, placesChanged, withPlacesChanged } from "./stack-file.ts";
import { type Translated, translate } from "./translate.ts";

export interface Outcome {
  readonly seconds: Readonly<Partial<Record<StepName, number>>>;
  readonly drained?: Drained;
  /** What was not as it should be at the end. */
  readonly findings: readonly string[];
}

/** Goes the steps that are not done yet; each is on record before the next one begins. @throws UserError where one can't be done */
export async function runMove(move: Move): Promise<Outcome> {
  const { stack, to, record, kept, waitMs, signal, say } = move;
  const seconds: Partial<Record<StepName, number>> = {};
  const findings: string[] = [];
  let drained: Drained | undefined;
  const work: Record<StepName, () => Promise<void>> = {
    build: () => build(move),
    definitions: async () => void findings.push(...(await carryDefinitions(move))),
    ledgers: () => carryLedgers(move),
    cutover: async () => {
      const pauseMs = await cutOver(move);
      if (pauseMs !== undefined) record.pauseMs = pauseMs;
    },
    drain: async () => {
      drained = await drain(move);
      findings.push(...drained.left);
    },
    config: () => changeConfig(move),
    verify: async () => {
      const onLack = ({ host, evidence }: Lack) => say(`waits: ${host}: ${evidence}`);
      const lack = await awaitWhole(stack, { withinMs: waitMs, signal, onLack }, (now) =>
        now.announcements.broker === to.cluster.name ? now : placesChanged(now),
      );
      if (lack) findings.push(`${describeLack(lack)}; ${lack.remedy}`);
    },
  };
  await kept.write(record);
  for (const step of stepsOf(record)) {
    if (record.done.includes(step)) continue;
    signal.throwIfAborted();
    const beganMs = performance.now();
    say(`== ${step}`);
    await work[step]();
    seconds[step] = Math.round(performance.now() - beganMs) / 1000;
    record.done.push(step);
    await kept.write(record);
  }
  await kept.remove();
  return { seconds, findings, ...(drained ? { drained } : {}) };
}

/** @throws UserError with this remedy where the engine fails */
export async function upOr(engine: EngineContext, remedy: string): Promise<void> {
  try {
    await up(engine);
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`stack ${engine.stack}`, "`up` has failed; its own words are above", remedy, { cause });
  }
}

async function build(move: Move): Promise<void> {
  await upOr(move.engine, "mend it; the same command goes on");
  const { to, reach } = move;
  // Where one doesn't come up, nothing has moved yet.
  await Promise.all(
    to.hosts.map((host) => onHost(reach, host, "has a dispatcher", run("systemctl", "start", dispatcherUnit), 90)),
  );
}

/** What clients have on the old cluster, as the new one takes it. @throws UserError where the old one doesn't tell */
export async function clientsDefinitions({ from, ca }: Pick<Move, "from" | "ca">): Promise<Translated> {
  const found = await readDefinitions(from.cluster, ca);
  if ("why" in found)
    throw new UserError(
      from.cluster.name,
      `doesn't give its definitions: ${found.why}`,
      `./warren verify -s ${from.stack}`,
    );
  const all = found.answer.parsed;
  return translate(all, withoutOwn(undeclared(all, from.cluster)));
}

/** Without what an upgrade makes itself. */
function withoutOwn(all: Definitions): Definitions {
  const isOwn = (name: string) => name.startsWith(ownPrefix);
  return {
    ...all,
    parameters: all.parameters.filter(({ name }) => !isOwn(name)),
    exchanges: all.exchanges.filter(({ name }) => !isOwn(name)),
    queues: all.queues.filter(({ name }) => !isOwn(name)),
    bindings: all.bindings.filter(({ source, destination }) => !isOwn(source) && !isOwn(destination)),
  };
}

const importWithinMs = 30_000;

async function carryDefinitions(move: Move): Promise<string[]> {
  const { to, ca, signal } = move;
  const { definitions } = await clientsDefinitions(move);
  const { absent, said } = await importDefinitions(to.cluster, definitions, { ca, signal, withinMs: importWithinMs });
  if (absent.length === 0) return [];
  throw new UserError(
    to.cluster.name,
    `has not taken ${absent.join(", ")}${said ? `; it said: ${said}` : ""}`,
    `mend it on ${move.from.cluster.name}, where nothing has changed; the same command goes on`,
  );
}

/** The file is changed once: a run that was broken off after that finds it so. */
async function changeConfig(move: Move): Promise<void> {
  const { stack, config, from, to, reach, say, engine } = move;
  const file = stackConfigFile(stack);
  if (config.announcements.broker === from.cluster.name) {
    await changeStackFile(file, (text) => withPlacesChanged(text, config));
    say(`${relative(checkout, file)} says it: announcements.broker is ${to.cluster.name}`);
  }
  await upOr(engine, "mend it; the same command goes on");
  const back = and(run("systemctl", "start", dispatcherUnit), run(standBackProgram, "no"));
  await Promise.all(from.hosts.map((host) => onHost(reach, host, "is warm, and stands behind", back, 90)));
}
