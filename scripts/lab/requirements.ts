import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { exists } from "../lib/files.ts";
import { withLock } from "../lib/machine-lock.ts";
import type { Report } from "./progress.ts";
import { run } from "./run.ts";

/** A requirement of a lab: a file that proves it is installed (a program, if it has no slash), and its package. */
export const requirements: readonly { readonly file: string; readonly package: string }[] = [
  { file: "mmdebstrap", package: "mmdebstrap" },
  { file: "systemd-nspawn", package: "systemd-container" },
  { file: "ip", package: "iproute2" },
  { file: "nft", package: "nftables" },
  { file: "ssh", package: "openssh-client" },
  { file: "ssh-keygen", package: "openssh-client" },
  { file: "/usr/share/keyrings/debian-archive-keyring.gpg", package: "debian-archive-keyring" },
];

/** Refuses, with a remedy, where a lab can't work; installs missing packages, with a message. */
export async function prepareMachine(report: Report, signal?: AbortSignal): Promise<void> {
  await checkMachine();
  if ((await missingPackages()).length === 0) return;
  await withLock("packages", "installing packages", () => install(report, signal));
}

/** @throws UserError where this machine or this user can't run a lab */
export async function checkMachine(): Promise<void> {
  refuseUnfit({
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    osRelease: await readFile("/etc/os-release", "utf8").catch(() => ""),
    capabilities: effectiveCapabilities(await readFile("/proc/self/status", "utf8").catch(() => "")),
  });
}

export interface Machine {
  readonly platform: string;
  readonly uid: number;
  readonly osRelease: string;
  readonly capabilities: bigint;
}

/** The bits of CAP_NET_ADMIN and CAP_SYS_ADMIN, which networks and mounts need. */
const neededCapabilities = (1n << 12n) | (1n << 21n);

export function refuseUnfit(machine: Machine): void {
  const elsewhere = "use a Debian or Ubuntu machine (a virtual machine is enough); ./warren flow needs none of this";
  if (machine.platform !== "linux")
    throw new UserError("lab", "needs Linux: its hosts are Linux namespaces", elsewhere);
  const ids = [...machine.osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap((match) =>
    match[1]?.split(" "),
  );
  if (!ids.includes("debian")) {
    throw new UserError("lab", "needs Debian or Ubuntu: its hosts are built with Debian's tools", elsewhere);
  }
  if (machine.uid !== 0) {
    throw new UserError(
      "lab",
      "needs root, to make networks and mounts",
      "sudo ./warren lab; ./warren flow needs no root",
    );
  }
  if ((machine.capabilities & neededCapabilities) !== neededCapabilities) {
    throw new UserError("lab", "this root can't make networks and mounts: it is the root of a container", elsewhere);
  }
}

export function effectiveCapabilities(status: string): bigint {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex ? BigInt(`0x${hex}`) : 0n;
}

async function missingPackages(): Promise<string[]> {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"].filter(Boolean);
  const missing = new Set<string>();
  for (const { file, package: name } of requirements) {
    const paths = file.includes("/") ? [file] : folders.map((folder) => join(folder, file));
    const found = await Promise.all(paths.map((path) => exists(path)));
    if (!found.includes(true)) missing.add(name);
  }
  return [...missing];
}

async function install(report: Report, signal?: AbortSignal): Promise<void> {
  const packages = await missingPackages();
  if (packages.length === 0) return;
  report({ step: "note", text: `installing on this machine, with apt: ${packages.join(", ")}` });
  const options = { endWithParent: false, ...(signal ? { signal } : {}) };
  try {
    await run(["apt-get", "update", "-qq"], options);
    await run(
      [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=120",
        ...packages,
      ],
      options,
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      "lab",
      `apt could not install ${packages.join(", ")}: ${error.message}`,
      `apt-get install ${packages.join(" ")}`,
    );
  }
}
