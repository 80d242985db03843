import { rm } from "node:fs/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { withLock } from "../lib/machine-lock.ts";
import { removeGroups } from "./cgroup.ts";
import { removeHost } from "./host.ts";
import { findLeftovers, sweep } from "./leftovers.ts";
import { restoreSettings } from "./machine-settings.ts";
import { removeBridge } from "./network.ts";
import { keepPackages } from "./package-cache.ts";
import { diskOf } from "./paths.ts";
import type { Report } from "./progress.ts";
import { findRecord, hostsLock, type LabRecord, labLock, listRecords, removeRecord, writeRecord } from "./registry.ts";

/**
 * Takes a lab of this checkout down: hosts, their disks, network, rules. Then checks that nothing is left, and fails with
 * the names of leftovers. Returns false where there was no such lab. Safe to repeat after an interruption.
 */
export async function labDown(name: string, { report = () => {} }: { report?: Report } = {}): Promise<boolean> {
  const record = await findRecord(name);
  if (!record) return false;
  await takeDown(record, report);
  return true;
}

/** Takes all labs of this machine down, including those of other checkouts. Returns their names. */
export async function allLabsDown({ report = () => {} }: { report?: Report } = {}): Promise<string[]> {
  const records = await listRecords();
  for (const record of records) await takeDown(record, report);
  return records.map((record) => record.name);
}

async function takeDown(record: LabRecord, report: Report): Promise<void> {
  await withLock(
    hostsLock(record.index),
    `taking down lab ${record.name}`,
    () => removeLab(record, report),
    (holder) => report({ step: "note", text: `waiting for another process: ${holder}` }),
  );
}

/** The work of `labDown`, for callers that hold the lab's lock. `keepIndex`: the lab is made again at once. */
export async function removeLab(record: LabRecord, report: Report, keepIndex = false): Promise<void> {
  await writeRecord({ ...record, phase: "ending", pid: process.pid });
  const total = record.hosts.length;
  let done = 0;
  const tell = () => report({ step: "down", text: "hosts removed:", done, total });
  if (total > 0) tell();
  const attempts = await Promise.allSettled(
    record.hosts.map(async (host) => {
      await keepPackages(host.release, diskOf(record.disks, host.name));
      await removeHost(record, host);
      done += 1;
      tell();
    }),
  );
  await withLock(labLock, `removing the network of lab ${record.name}`, async () => {
    const others = (await listRecords()).filter((other) => other.index !== record.index && other.phase !== "reserved");
    await sweep(record);
    await removeGroups(record.index);
    await removeBridge(record.index);
    if (others.length === 0) await restoreSettings();
    const left = await findLeftovers(record);
    if (left.length > 0) {
      throw new UserError(
        `lab ${record.name}`,
        `leftovers remain:\n  ${left.join("\n  ")}`,
        "run ./warren lab down again",
        {
          cause: attempts.find((attempt) => attempt.status === "rejected")?.reason,
        },
      );
    }
    await rm(record.disks, { recursive: true, force: true });
    if (keepIndex) await writeRecord({ ...record, phase: "reserved", pid: process.pid, hosts: [] });
    else await removeRecord(record.index);
  });
}
