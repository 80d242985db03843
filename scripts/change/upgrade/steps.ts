import { relative } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { and, run } from "../../../infra/commands/command.ts";
import { isMessageQueue } from "../../../infra/model/agent-queues.ts";
import { dispatcherUnit } from "../../../infra/model/names.ts";
import { standBackProgram } from "../../../infra/model/stand-back.ts";
import { checkout } from "../../engine/places.ts";
import { stackConfigFile } from "../../engine/stack-config.ts";
import { awaitHealthy, describeProblem, type Problem } from "../../inspect/health.ts";
import { importDefinitions, readDefinitions } from "../backup/brokers.ts";
import { type Definitions, undeclared } from "../backup/definitions.ts";
import { type EngineContext, up } from "../restore/engine.ts";
import { ownPrefix } from "./carrier.ts";
import { onHost } from "./hosts.ts";
import type { Move } from "./move.ts";
import { changeStackFile, namesAt, placesChanged, withPlacesChanged } from "./stack-file.ts";
import { type Translated, translate } from "./translate.ts";

/** @throws UserError with this remedy if the engine fails */
export async function upOr(engine: EngineContext, remedy: string): Promise<void> {
  try {
    await up(engine);
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`stack ${engine.stack}`, "`up` failed; see its output above", remedy, { cause });
  }
}

export async function build(move: Move): Promise<void> {
  await upOr(move.engine, "fix it, then run the same command again to continue");
  const { to, reach } = move;
  // If a dispatcher doesn't start, the move fails before anything has moved.
  await Promise.all(
    to.hosts.map((host) => onHost(reach, host, "starts its dispatcher", run("systemctl", "start", dispatcherUnit), 90)),
  );
}

/** The clients' definitions of the old cluster, translated for the new one. @throws UserError if they can't be read */
async function clientsDefinitions({ from, ca }: Pick<Move, "from" | "ca">): Promise<Translated> {
  const found = await readDefinitions(from.cluster, ca);
  if ("why" in found)
    throw new UserError(
      from.cluster.name,
      `its definitions can't be read: ${found.why}`,
      `find the cause with ./warren verify -s ${from.stack}`,
    );
  const all = found.answer.parsed;
  // A receiver or bridge moves at the end. Its queue is there before the address moves, so it misses nothing.
  const agentQueues = from.cluster.agentQueues.filter(({ name }) => !isMessageQueue(name));
  return translate(all, withoutOwn(undeclared(all, { ...from.cluster, agentQueues })));
}

/** Notes for the plan about objects that are changed or stay behind. */
export async function notesOf(move: Move): Promise<string[]> {
  const { config, record } = move;
  const isTranslated = record.isReturn || record.done.includes("definitions");
  const notes = isTranslated ? [] : (await clientsDefinitions(move)).notes;
  const moving = namesAt(config, record.from);
  return [...notes, ...(moving.length > 0 ? [`moving with the announcements: ${moving.join(", ")}`] : [])];
}

/** Definitions without the objects of an upgrade itself. */
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

export async function carryDefinitions(move: Move): Promise<void> {
  const { to, ca, signal } = move;
  const { definitions } = await clientsDefinitions(move);
  const { absent, refusal } = await importDefinitions(to.cluster, definitions, {
    ca,
    signal,
    withinMs: importWithinMs,
  });
  if (absent.length === 0) return;
  throw new UserError(
    to.cluster.name,
    `did not accept ${absent.join(", ")}${refusal ? `; it reports: ${refusal}` : ""}`,
    `fix them on ${move.from.cluster.name}, where nothing has changed, then run the same command again to continue`,
  );
}

/** Changes the file once: a run that continues after that finds it changed. */
export async function changeConfig(move: Move): Promise<void> {
  const { stack, config, from, to, reach, say, engine } = move;
  const file = stackConfigFile(stack);
  if (config.announcements.broker === from.cluster.name) {
    await changeStackFile(file, (text) => withPlacesChanged(text, config));
    say(`${relative(checkout, file)} is updated: announcements.broker is ${to.cluster.name}`);
  }
  await upOr(engine, "fix it, then run the same command again to continue");
  const back = and(run("systemctl", "start", dispatcherUnit), run(standBackProgram, "no"));
  await Promise.all(from.hosts.map((host) => onHost(reach, host, "starts its dispatcher on standby", back, 90)));
}

/** @returns the problem that is left, judged with the clusters exchanged */
export async function verifyMove({ stack, to, waitMs, signal, say }: Move): Promise<string[]> {
  const onProblem = ({ host, evidence }: Problem) => say(`waiting: ${host}: ${evidence}`);
  const problem = await awaitHealthy(stack, { withinMs: waitMs, signal, onProblem }, (now) =>
    now.announcements.broker === to.cluster.name ? now : placesChanged(now),
  );
  return problem ? [`${describeProblem(problem)}; ${problem.remedy}`] : [];
}
