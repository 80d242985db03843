import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { withLock } from "../lib/machine-lock.ts";
import { readAptSettings, readResolvers } from "./apt-settings.ts";
import { hasDisk, installDisk } from "./disk.ts";
import { removeLab } from "./down.ts";
import { bootHost, removeHost, untilBooted } from "./host.ts";
import { isOn } from "./host-state.ts";
import { ensureImage, imageRecipe } from "./image.ts";
import { ensureKeys } from "./keys.ts";
import { findLeftovers } from "./leftovers.ts";
import { raiseSettings } from "./machine-settings.ts";
import { makeBridge, outerMtu } from "./network.ts";
import { labDirectory } from "./paths.ts";
import type { Report } from "./progress.ts";
import {
  allocateLabIndex,
  findRecord,
  hostsLock,
  type LabRecord,
  labLock,
  newRecord,
  writeRecord,
} from "./registry.ts";
import { prepareMachine } from "./requirements.ts";
import { checkSpec, type LabHost, type LabSpec, type Release } from "./spec.ts";

export interface LabOptions {
  readonly report?: Report;
  /** When aborted, the new hosts are removed again, and the call fails with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What `labUp` found and did. */
export interface LabUpResult {
  /** Names of the hosts that this call started; the others were already running. */
  readonly booted: readonly string[];
  readonly seconds: number;
}

/**
 * Starts the hosts of a spec in parallel, and waits until each one answers ssh. Running hosts are left
 * unchanged; hosts of an earlier spec of this lab that are no longer needed are removed. A lab whose start was interrupted is
 * rebuilt from scratch.
 */
export async function labUp(spec: LabSpec, { report = () => {}, signal }: LabOptions = {}): Promise<LabUpResult> {
  checkSpec(spec);
  const started = performance.now();
  await prepareMachine(report, signal);
  const index = await allocateLabIndex(spec.name);
  if (index !== spec.index) checkSpec({ ...spec, index });
  const booted = await withLock(
    hostsLock(index),
    `bringing up lab ${spec.name}`,
    () => make(spec, report, signal),
    (holder) => report({ step: "note", text: `waiting for another process: ${holder}` }),
  );
  return { booted, seconds: (performance.now() - started) / 1000 };
}

async function make(spec: LabSpec, report: Report, signal?: AbortSignal): Promise<string[]> {
  const before = await findRecord(spec.name);
  const kept = before?.phase === "up" ? before : undefined;
  const record = newRecord(spec, "making");
  if (before && before.phase !== "reserved" && !kept) await removeLab(before, report, true);
  // A lab without a record: somebody emptied /run.
  else if (!kept && (await findLeftovers(record)).length > 0) await removeLab(record, report, true);
  // Hosts of both specs, so that `down` finds them all, whatever happens from here.
  const all = { ...record, hosts: union(kept?.hosts ?? [], spec.hosts), phase: kept ? ("up" as const) : record.phase };
  await writeRecord(all);
  try {
    const images = await imagesFor(spec.hosts, report, signal);
    await ensureKeys(spec);
    await writeFile(join(labDirectory(spec.name), "spec.json"), `${JSON.stringify(spec, undefined, 2)}\n`);
    if (!kept) await makeNetwork(record);
    const booted = await makeHosts(record, kept, images, report, signal);
    await writeRecord({ ...record, phase: "up" });
    return booted;
  } catch (error) {
    const reason = signal?.aborted ? "interrupted" : `failed, ${error instanceof UserError ? error.format() : error}`;
    // A lab that was up before stays: its hosts are on record, and `up` continues from there.
    report({ step: "note", text: kept ? reason : `${reason}; removing the new hosts` });
    if (!kept) await removeLab(all, report);
    throw error;
  }
}

function union(a: readonly LabHost[], b: readonly LabHost[]): LabHost[] {
  return [...a.filter((host) => !b.some((other) => other.name === host.name)), ...b];
}

async function imagesFor(
  hosts: readonly LabHost[],
  report: Report,
  signal?: AbortSignal,
): Promise<Map<Release, string>> {
  await mkdir(labDirectory(""), { recursive: true });
  const settings = await readAptSettings();
  const images = new Map<Release, string>();
  for (const release of new Set(hosts.map((host) => host.release))) {
    images.set(release, await ensureImage(imageRecipe(release, settings), report, signal));
  }
  return images;
}

async function makeNetwork(record: LabRecord): Promise<void> {
  // Disks of a lab that ended with a reboot, or whose record was lost.
  await rm(record.disks, { recursive: true, force: true });
  await mkdir(record.disks, { recursive: true, mode: 0o700 });
  await withLock(labLock, `making the network of lab ${record.name}`, async () => {
    await raiseSettings();
    await makeBridge(record.index, record.name, await outerMtu());
  });
}

async function makeHosts(
  record: LabRecord,
  kept: LabRecord | undefined,
  images: ReadonlyMap<Release, string>,
  report: Report,
  signal?: AbortSignal,
): Promise<string[]> {
  const resolvers = await readResolvers();
  const unwanted = (kept?.hosts ?? []).filter((host) => !record.hosts.some((other) => sameHost(host, other)));
  await removeHosts(record, unwanted);
  const missing: LabHost[] = [];
  for (const host of record.hosts) {
    if (!(await isOn(record, host))) missing.push(host);
  }
  let done = record.hosts.length - missing.length;
  const tell = () => report({ step: "hosts", text: "hosts running:", done, total: record.hosts.length });
  tell();
  const attempts = await Promise.allSettled(
    record.hosts.map(async (host) => {
      if (!missing.includes(host)) return untilBooted(record, host, signal);
      if (!(await hasDisk(record, host))) await installDisk(record, host, images.get(host.release) ?? "", resolvers);
      await bootHost(record, host, signal);
      done += 1;
      tell();
    }),
  );
  // Wait for all of them, so that no host is started while they are removed.
  const failed = attempts.find((attempt) => attempt.status === "rejected");
  if (failed) throw failed.reason;
  return missing.map((host) => host.name);
}

async function removeHosts(record: LabRecord, hosts: readonly LabHost[]): Promise<void> {
  for (const host of hosts) await removeHost(record, host);
}

/** A host whose address or release has changed is a different host. */
function sameHost(a: LabHost, b: LabHost): boolean {
  return a.name === b.name && a.address === b.address && a.release === b.release;
}
