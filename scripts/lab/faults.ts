import { bootHost as boot, isOn, killHost as kill } from "./host.ts";
import { withLock } from "./lock.ts";
import { setCable } from "./network.ts";
import { needHost } from "./ssh.ts";

/** Pulls a host's cable: its eth0 loses the carrier, the host itself goes on. */
export async function cutLink(name: string, host: string): Promise<void> {
  const found = await needHost(name, host);
  await setCable(found.record.index, found.host, "down");
}

export async function healLink(name: string, host: string): Promise<void> {
  const found = await needHost(name, host);
  await setCable(found.record.index, found.host, "up");
}

/** Power off at once, as when the plug is pulled. What the host had written is on its disk, synced or not. */
export async function killHost(name: string, host: string): Promise<void> {
  const { record, host: found } = await needHost(name, host);
  await withLock(`host-${record.index}-${host}`, `switching ${host} off`, () => kill(record, found));
}

/** Switches a host on that was killed, and waits until it answers ssh. One that runs already is left as it is. */
export async function bootHost(name: string, host: string, signal?: AbortSignal): Promise<void> {
  const { record, host: found } = await needHost(name, host);
  await withLock(`host-${record.index}-${host}`, `switching ${host} on`, async () => {
    if (!(await isOn(record, found))) await boot(record, found, signal);
  });
}
