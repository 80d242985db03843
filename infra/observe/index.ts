import { randomUUID } from "node:crypto";
import { lstat, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import type { EnvironmentModel, HostModel } from "../model/types.ts";
import { askHost } from "./ask.ts";
import { firstContactFile } from "./host-keys.ts";
import { type Observation, parseObservation, type Unreachable } from "./observation.ts";
import { observationScript } from "./script.ts";
import { sshConfig } from "./ssh-config.ts";

/** Milliseconds after which a host that took the connection but doesn't answer counts as unreachable. */
const answerTimeoutMs = 10_000;

export type Observations = ReadonlyMap<string, Observation | Unreachable>;

/**
 * Asks every host once, all at the same time, over OpenSSH with shared connections. Nothing on a host is changed. A host that can't be
 * asked is an answer like any other: why.
 *
 * @param checkout folder of the project: key paths start there, the ssh configuration is written below its `.warren`
 */
export async function observe(model: EnvironmentModel, checkout: string): Promise<Observations> {
  const config = await writeSshConfig(model, checkout);
  const answers = new Map(
    await Promise.all(model.hosts.map(async (host) => [host.name, await observeHost(host, config)] as const)),
  );
  return new Map(model.hosts.map((host) => [host.name, withJumpHost(host, answers)]));
}

/** Of a jump host that can't be reached, ssh says nothing when it is asked for the host behind it. */
function withJumpHost(host: HostModel, answers: Observations): Observation | Unreachable {
  const answer = answers.get(host.name) ?? { unreachable: "not asked" };
  const { via } = host.connection;
  const jump = via && answers.get(via.host);
  if (!("unreachable" in answer) || !jump || !("unreachable" in jump)) return answer;
  const why = jump.refused ? "is refused for its host key" : `can't be observed either: ${jump.unreachable}`;
  return { unreachable: `its jump host ${via.host} ${why}` };
}

/**
 * Writes the stack's ssh configuration, and beside it the host keys that the model has. A host without one is met for the first time, and
 * its key noted. @returns its path
 */
export async function writeSshConfig(model: EnvironmentModel, checkout: string): Promise<string> {
  const control = join(tmpdir(), `warren-ssh-${userInfo().uid}`);
  const folder = join(checkout, ".warren", "ssh");
  await makePrivateFolder(control);
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${model.stack}.config`);
  const knownHosts = join(folder, `${model.stack}.known_hosts`);
  const connections = model.hosts.map((host) => host.connection);
  const pinned = connections.map(({ address, hostKey }) => (hostKey ? `${address} ${hostKey}\n` : ""));
  await writeWhole(knownHosts, pinned.join(""));
  const firstContact = firstContactFile(checkout, model.stack);
  await writeWhole(file, sshConfig(connections, { checkout, control, knownHosts, firstContact }));
  return file;
}

/** Another run's ssh may be reading: to half a list, a host that it lacks would be one that is refused. */
async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Whoever else can write to the folder of shared connections could answer in a host's place. */
async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await lstat(folder).then((found) => (found.isDirectory() ? found : { uid: -1, mode: 0 }));
  if (uid === userInfo().uid && (mode & 0o077) === 0) return;
  throw new UserError(
    folder,
    "is not a folder of this user's alone",
    `see whose it is, and remove it: ls -ld ${folder}`,
  );
}

const observeHost = (host: HostModel, config: string): Promise<Observation | Unreachable> =>
  askHost(host.connection, config, observationScript(host), parseObservation, { timeoutMs: answerTimeoutMs });
