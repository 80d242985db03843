import { mkdir, readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { isAlive } from "../../infra/process-stat.ts";
import { isLabStack, labStacks } from "../engine/lab-stacks.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { withLock } from "../lib/machine-lock.ts";
import { subnetOwner } from "./network.ts";
import { checkoutDirectory, disksDirectory, labDirectory, runDirectory } from "./paths.ts";
import { checkMachine } from "./requirements.ts";
import { indexMax, type LabHost, type LabSpec, labOption, subnetOf } from "./spec.ts";

/**
 * What a lab has, or is about to create, on this machine. It is written before anything is created and removed after
 * everything is gone, so that `down` knows what to remove after a crash at any point.
 */
export interface LabRecord {
  readonly name: string;
  readonly index: number;
  /** A name belongs to a checkout; two checkouts may both have a lab of one name, with different indexes. */
  readonly checkout: string;
  readonly disks: string;
  /** `reserved`: only the index is reserved, by process `pid`. `making`, `ending`: in progress, or interrupted. */
  readonly phase: "reserved" | "making" | "up" | "ending";
  readonly pid: number;
  readonly hosts: readonly LabHost[];
}

/** The lock of processes that begin or end a lab, so that indexes and records match what is there. */
export const labLock = "machine";

/** The lock of those who change the hosts of one lab. */
export const hostsLock = (index: number): string => `lab-${index}`;

const recordPath = (index: number) => join(runDirectory, `${index}.json`);

export async function writeRecord(record: LabRecord): Promise<void> {
  await mkdir(join(runDirectory, String(record.index)), { recursive: true, mode: 0o700 });
  await writeFileAtomic(recordPath(record.index), `${JSON.stringify(record, undefined, 2)}\n`);
}

export async function removeRecord(index: number): Promise<void> {
  await rm(join(runDirectory, String(index)), { recursive: true, force: true });
  await rm(recordPath(index), { force: true });
  // Succeeds for the last lab only: with others the folder is not empty.
  await rmdir(runDirectory).catch(() => {});
}

/** All labs of this machine, of every checkout. */
export async function listRecords(): Promise<LabRecord[]> {
  const files = await readdir(runDirectory).catch(() => []);
  const records: LabRecord[] = [];
  for (const file of files.filter((name) => /^\d+\.json$/.test(name))) {
    const text = await readFile(join(runDirectory, file), "utf8").catch(() => undefined);
    if (text) records.push(JSON.parse(text) as LabRecord);
  }
  return records.sort((a, b) => a.index - b.index);
}

/** The record of this checkout's lab `name`. */
export async function findRecord(name: string): Promise<LabRecord | undefined> {
  return (await listRecords()).find((record) => record.name === name && record.checkout === checkoutDirectory);
}

/** The record of a lab that is up. @throws UserError that says how to start it */
export async function needRecord(name: string): Promise<LabRecord> {
  const record = await findRecord(name);
  if (record && record.phase !== "reserved") return record;
  throw new UserError(`lab ${name}`, "is not up", `./warren lab${labOption(name)} up`);
}

/**
 * The index of lab `name`: its current one, or its last one, or the lowest free one. That of a committed stack is fixed.
 * It stays reserved while this process lives, and from `labUp` to `labDown`.
 */
export async function allocateLabIndex(name: string): Promise<number> {
  await checkMachine();
  return withLock(labLock, `taking an index for lab ${name}`, async () => {
    const records = (await listRecords()).filter((record) => record.phase !== "reserved" || isAlive(record.pid));
    const own = records.find((record) => record.name === name && record.checkout === checkoutDirectory);
    if (own) return own.index;
    const taken = new Map(records.map((record) => [record.index, record]));
    for (const index of await candidates(name)) {
      const other = taken.get(index);
      const foreign = other ? undefined : await subnetOwner(index);
      if (!other && !foreign) {
        await writeRecord(newRecord({ name, index, hosts: [] }, "reserved"));
        return index;
      }
      if (isLabStack(name)) throw occupied(index, other, foreign);
    }
    throw new UserError(`lab ${name}`, `all ${indexMax} subnets for labs are in use`, "./warren lab status --all");
  });
}

async function candidates(name: string): Promise<number[]> {
  if (isLabStack(name)) return [labStacks[name]];
  const fixed: readonly number[] = Object.values(labStacks);
  const free = Array.from({ length: indexMax }, (_, position) => position + 1).filter(
    (index) => !fixed.includes(index),
  );
  const preferred = (await lastSpec(name))?.index;
  return preferred !== undefined && free.includes(preferred)
    ? [preferred, ...free.filter((index) => index !== preferred)]
    : free;
}

/** The spec that lab `name` was last made from. */
export async function lastSpec(name: string): Promise<LabSpec | undefined> {
  const text = await readFile(join(labDirectory(name), "spec.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as LabSpec);
}

function occupied(index: number, other: LabRecord | undefined, foreign: string | undefined): UserError {
  return other
    ? new UserError(
        subnetOf(index),
        `belongs to lab ${other.name} of ${other.checkout}`,
        `./warren lab down --all, or another lab name: ./warren lab up --name NAME`,
      )
    : new UserError(subnetOf(index), `is in use on this machine: ${foreign}`, "free it, or use another lab name");
}

export function newRecord(spec: LabSpec, phase: LabRecord["phase"]): LabRecord {
  return {
    name: spec.name,
    index: spec.index,
    checkout: checkoutDirectory,
    disks: disksDirectory(spec.index, spec.name),
    phase,
    pid: process.pid,
    hosts: spec.hosts,
  };
}
