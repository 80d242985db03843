import { rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { withLock } from "../lib/machine-lock.ts";
import { addFilter, lossTable, partitionTable, removeFilters, setDelay } from "./filters.ts";
import { bootHost as boot, killHost as kill, stopHost as stop } from "./host.ts";
import { isOn } from "./host-state.ts";
import { setCable } from "./network.ts";
import { diskOf } from "./paths.ts";
import { needRecord } from "./registry.ts";
import { attempt, run } from "./run.ts";
import { needHost } from "./ssh.ts";

/** Pulls a host's cable: its eth0 loses the carrier, the host keeps running. */
export async function cutLink(name: string, host: string): Promise<void> {
  const found = await needHost(name, host);
  await setCable(found.record.index, found.host, "down");
}

/** Plugs the cable back in, without loss or delay. */
export async function healLink(name: string, host: string): Promise<void> {
  const { record, host: found } = await needHost(name, host);
  await setCable(record.index, found, "up");
  await removeFilters(record.index, found.name);
  await setDelay(record.index, found, 0);
}

/** Cuts the network between two groups of hosts; all others see both. Replaces an existing partition. */
export async function partition(name: string, one: readonly string[], other: readonly string[]): Promise<void> {
  const record = await needRecord(name);
  const find = async (hosts: readonly string[]) =>
    Promise.all(hosts.map(async (host) => (await needHost(name, host)).host));
  await addFilter(partitionTable(record.index, await find(one), await find(other)));
}

/** A bad network: drops a share of the packets between this host and the others, and delays the rest, in each direction. */
export async function netem(
  name: string,
  host: string,
  { delayMs = 0, lossPercent = 0 }: { readonly delayMs?: number; readonly lossPercent?: number },
): Promise<void> {
  const { record, host: found } = await needHost(name, host);
  if (!(lossPercent >= 0 && lossPercent <= 100 && delayMs >= 0)) {
    throw new UserError("lab netem", `expected a loss of 0 to 100 percent and a delay of 0 ms or more`);
  }
  await setDelay(record.index, found, delayMs);
  if (lossPercent > 0) await addFilter(lossTable(record.index, found, lossPercent));
  else await removeFilters(record.index, found.name);
}

/** Undoes all network faults: cut cables, partition, loss, delay. Hosts that are off stay off. */
export async function healNetwork(name: string): Promise<void> {
  const record = await needRecord(name);
  await removeFilters(record.index);
  for (const host of record.hosts) if (await isOn(record, host)) await healLink(name, host.name);
}

/** Powers a host off at once, like pulling the plug. All it has written is on its disk, synced or not. */
export async function killHost(name: string, host: string): Promise<void> {
  const { record, host: found } = await needHost(name, host);
  await withLock(`host-${record.index}-${found.name}`, `switching ${host} off`, () => kill(record, found));
}

/** A clean shutdown: services are stopped first. Fails if the host does not stop in time. */
export async function stopHost(name: string, host: string): Promise<void> {
  const { record, host: found } = await needHost(name, host);
  await withLock(`host-${record.index}-${found.name}`, `shutting ${host} down`, () => stop(record, found));
}

/** Starts a host that is off, and waits until it answers ssh. A running host is left unchanged. */
export async function bootHost(name: string, host: string, signal?: AbortSignal): Promise<void> {
  const { record, host: found } = await needHost(name, host);
  await withLock(`host-${record.index}-${found.name}`, `switching ${host} on`, async () => {
    if (!(await isOn(record, found))) await boot(record, found, signal);
  });
}

/** Fills a host's disk to the last block. Only a host with a disk of its own (`diskMb`) can be full alone. */
export async function fillDisk(name: string, host: string): Promise<void> {
  const volume = await ownVolume(name, host);
  const fill = join(volume, "fill");
  const { bavail, bsize } = await statfs(volume);
  // Most of it is only reserved. The rest depends on the file system's own needs: it is written until nothing fits.
  await run(["fallocate", "--length", String(Math.ceil(bavail * 0.9) * bsize), fill]);
  await attempt(["dd", "if=/dev/zero", `of=${fill}`, "bs=4k", "oflag=append", "conv=notrunc"]);
}

export async function freeDisk(name: string, host: string): Promise<void> {
  await rm(join(await ownVolume(name, host), "fill"), { force: true });
}

async function ownVolume(name: string, host: string): Promise<string> {
  const { record, host: found } = await needHost(name, host);
  if (found.diskMb !== undefined) return dirname(diskOf(record.disks, found.name).upper);
  throw new UserError(`host ${host}`, "shares the machine's disk, so it can't be filled alone", "give it diskMb");
}
