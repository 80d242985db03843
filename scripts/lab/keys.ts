import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../lib/files.ts";
import { labDirectory } from "./paths.ts";
import { run } from "./run.ts";
import type { LabSpec } from "./spec.ts";

export const userKeyPath = (name: string): string => join(labDirectory(name), "id_ed25519");
export const knownHostsPath = (name: string): string => join(labDirectory(name), "known_hosts");
export const hostKeyPath = (name: string, host: string): string => join(labDirectory(name), "host-keys", host);

/**
 * The lab's own key, the hosts' keys, and known_hosts with plain names and addresses. Keys outlive the hosts: a stack
 * that pins a host's key sees the same host again after `down` and `up`.
 */
export async function ensureKeys(spec: LabSpec): Promise<void> {
  await mkdir(join(labDirectory(spec.name), "host-keys"), { recursive: true, mode: 0o700 });
  await Promise.all([
    ensureKey(userKeyPath(spec.name), `warren-lab-${spec.name}`),
    ...spec.hosts.map((host) => ensureKey(hostKeyPath(spec.name, host.name), host.name)),
  ]);
  const lines = await Promise.all(
    spec.hosts.map(async (host) => {
      const names = [host.name, host.address, ...(host.aliases ?? [])].join(",");
      const [type, key] = (await readFile(`${hostKeyPath(spec.name, host.name)}.pub`, "utf8")).split(" ");
      return `${names} ${type} ${key}\n`;
    }),
  );
  await writeFile(knownHostsPath(spec.name), lines.join(""));
  await writeFile(sshConfigPath(spec.name), sshConfig(spec));
}

/** A config for `ssh -F FILE HOST`, scp, rsync, git: the lab's hosts by name and the lab's key, without the user's own settings. */
export const sshConfigPath = (name: string): string => join(labDirectory(name), "ssh_config");

export function sshConfig(spec: LabSpec): string {
  const hosts = spec.hosts.map(
    (host) => `Host ${[host.name, ...(host.aliases ?? [])].join(" ")}\n  HostName ${host.address}\n`,
  );
  return `${hosts.join("")}Host *
  User root
  IdentityFile ${quoteValue(userKeyPath(spec.name))}
  IdentitiesOnly yes
  UserKnownHostsFile ${quoteValue(knownHostsPath(spec.name))}
  StrictHostKeyChecking yes
`;
}

const quoteValue = (path: string) => (path.includes(" ") ? `"${path}"` : path);

/** Makes a key pair under a temporary name first, so that an existing key is always complete. */
async function ensureKey(path: string, comment: string): Promise<void> {
  if (await exists(path)) return;
  await Promise.all([rm(`${path}.new`, { force: true }), rm(`${path}.new.pub`, { force: true })]);
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", `${path}.new`]);
  await rename(`${path}.new.pub`, `${path}.pub`);
  await rename(`${path}.new`, path);
}
