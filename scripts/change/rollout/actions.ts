import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { and, type Command, or, quote, render, run } from "../../../infra/commands/command.ts";
import { previousOf, installFile, keepPrevious } from "../../../infra/commands/files.ts";
import { digestWord, forgetDigest, renewProgramUnit, restartUnit } from "../../../infra/commands/units.ts";
import { actionOn, type HostAction } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { transfer } from "../../../infra/hosts/ssh.ts";
import type { ArtifactModel } from "../../../infra/model/types.ts";
import { checkout } from "../../engine/places.ts";
import { shortUnit } from "../restart/plan.ts";
import type { Change } from "./changes.ts";

/** A start with the new program, one with the former where that fails, a minute each. */
const takeSeconds = 150;
const transferMs = 180_000;

const stagedAt = ({ name, sha256, source }: ArtifactModel): string =>
  `/tmp/warren-rollout-${name}-${sha256.slice(0, 16)}${source.endsWith(".gz") ? ".gz" : ""}`;

/** Brings programs to their hosts, beside what runs. @throws Error with what a host said */
export async function stage(reach: Hosts, changes: readonly Change[]): Promise<void> {
  const all = changes.flatMap(({ host, programs }) => programs.map((program) => ({ host, program })));
  await Promise.all(
    all.map(async ({ host, program }) => {
      const write = `umask 077; cat > ${quote(stagedAt(program))}`;
      const input = await readFile(join(checkout, program.source));
      const { exitCode, why } = await transfer(reach.connectionTo(host), write, { input, timeoutMs: transferMs });
      if (exitCode !== 0) throw new Error(why);
    }),
  );
}

/** The unit runs with the new programs; where it doesn't come up, with the former ones, and the action fails. Done again it does nothing. */
export function take({ host, unit, programs, digest }: Change): HostAction {
  const places = programs.map((program) =>
    and(keepPrevious(program.path, program.installedSha256), installFile(program, stagedAt(program), program)),
  );
  const renewed = renewProgramUnit(
    unit,
    programs.map(({ path }) => path),
  );
  const command = withDigest(and(...places, renewed), digest);
  return actionOn(host, `runs ${shortUnit(unit)} with the new program`, command, takeSeconds);
}

/** The unit runs with what it ran with before; a later `up` finds that it lacks the new program. */
export function giveBack({ host, unit, programs }: Change): HostAction {
  const back = programs.map(({ path }) =>
    or(run("test", "!", "-e", previousOf(path)), run("mv", "-fT", previousOf(path), path)),
  );
  const command = and(...back, forgetDigest(unit), restartUnit(unit));
  return actionOn(host, `runs ${shortUnit(unit)} with the former program`, command, takeSeconds);
}

/** What was brought beside what runs, and isn't taken any more. */
export const unstage = (host: string, programs: readonly ArtifactModel[]): HostAction =>
  actionOn(host, "is rid of the new programs", run("rm", "-f", ...programs.map(stagedAt)), takeSeconds);

const withDigest = (command: Command, digest: string): Command =>
  run("sh", "-c", render(command).replaceAll(digestWord, digest));
