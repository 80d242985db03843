import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { and, type Command, or, quote, render, run } from "../../../infra/commands/command.ts";
import { installFile, keepPrevious, previousOf, stagedAt } from "../../../infra/commands/files.ts";
import { digestWord, forgetDigest, renewProgramUnit, restartUnit } from "../../../infra/commands/units.ts";
import { actionOn, type HostAction } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { transfer } from "../../../infra/hosts/ssh.ts";
import type { ArtifactModel } from "../../../infra/model/types.ts";
import { checkout } from "../../engine/places.ts";
import { shortUnit } from "../restart/plan.ts";
import type { Change } from "./changes.ts";

/** For a start with the new program and, if that fails, one with the previous program, a minute each. */
const installSeconds = 150;
const transferMs = 180_000;

/** Copies programs to their hosts without installing them. @throws Error with a host's error message */
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

/** Restarts the unit with the new programs. If it doesn't start, the previous programs are restored and the action fails. Repeating it changes nothing. */
export function install({ host, unit, programs, digest }: Change): HostAction {
  const places = programs.map((program) =>
    and(keepPrevious(program.path, program.installedSha256), installFile(program)),
  );
  const renewed = renewProgramUnit(
    unit,
    programs.map(({ path }) => path),
  );
  const command = withDigest(and(...places, renewed), digest);
  return actionOn(host, `restarts ${shortUnit(unit)} with the new program`, command, installSeconds);
}

/** Restarts the unit with its previous programs. It also forgets the noted digest, so that a later `up` installs the new ones. */
export function rollBack({ host, unit, programs }: Change): HostAction {
  const back = programs.map(({ path }) =>
    or(run("test", "!", "-e", previousOf(path)), run("mv", "-fT", previousOf(path), path)),
  );
  const command = and(...back, forgetDigest(unit), restartUnit(unit));
  return actionOn(host, `restarts ${shortUnit(unit)} with the previous program`, command, installSeconds);
}

/** Removes programs that were copied but are not installed. */
export const unstage = (host: string, programs: readonly ArtifactModel[]): HostAction =>
  actionOn(host, "removes the copies of the new programs", run("rm", "-f", ...programs.map(stagedAt)), installSeconds);

const withDigest = (command: Command, digest: string): Command =>
  run("sh", "-c", render(command).replaceAll(digestWord, digest));
