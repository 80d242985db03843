import { relative } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { and, run } from "../../../infra/commands/command.ts";
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
import { changeStackFile, placesChanged, stayingAt, withPlacesChanged } from "./stack-file.ts";
import { type Translated, translate } from "./translate.ts";

/** @throws UserError with this remedy where the engine fails */
export async function upOr(engine: EngineContext, remedy: string): Promise<void> {
  try {
    await up(engine);
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`stack ${engine.stack}`, "`up` has failed; its own words are above", remedy, { cause });
  }
}

export async function build(move: Move): Promise<void> {
  await upOr(move.engine, "mend it; the same command goes on");
  const { to, reach } = move;
  // Where one doesn't come up, nothing has moved yet.
  await Promise.all(
    to.hosts.map((host) => onHost(reach, host, "has a dispatcher", run("systemctl", "start", dispatcherUnit), 90)),
  );
}

/** What clients have on the old cluster, as the new one takes it. @throws UserError where the old one doesn't tell */
async function clientsDefinitions({ from, ca }: Pick<Move, "from" | "ca">): Promise<Translated> {
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

/** What stays as it is, for the person who is asked. */
export async function notesOf(move: Move): Promise<string[]> {
  const { config, record } = move;
  const isTranslated = record.isReturn || record.done.includes("definitions");
  const notes = isTranslated ? [] : (await clientsDefinitions(move)).notes;
  return [...notes, ...stayingAt(config, record.from)];
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

export async function carryDefinitions(move: Move): Promise<void> {
  const { to, ca, signal } = move;
  const { definitions } = await clientsDefinitions(move);
  const { absent, said } = await importDefinitions(to.cluster, definitions, { ca, signal, withinMs: importWithinMs });
  if (absent.length === 0) return;
  throw new UserError(
    to.cluster.name,
    `has not taken ${absent.join(", ")}${said ? `; it said: ${said}` : ""}`,
    `mend it on ${move.from.cluster.name}, where nothing has changed; the same command goes on`,
  );
}

/** The file is changed once: a run that was broken off after that finds it so. */
export async function changeConfig(move: Move): Promise<void> {
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

/** @returns what keeps all from being healthy, by the places as they are from now on */
export async function verifyMove({ stack, to, waitMs, signal, say }: Move): Promise<string[]> {
  const onLack = ({ host, evidence }: Problem) => say(`waits: ${host}: ${evidence}`);
  const lack = await awaitHealthy(stack, { withinMs: waitMs, signal, onLack }, (now) =>
    now.announcements.broker === to.cluster.name ? now : placesChanged(now),
  );
  return lack ? [`${describeProblem(lack)}; ${lack.remedy}`] : [];
}
