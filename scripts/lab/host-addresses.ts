import { readFileSync } from "node:fs";
import { diskOf } from "./paths.ts";
import { initOf, supervisors } from "./processes.ts";
import { needHost } from "./ssh.ts";

/** Process id of a host's init on this machine; undefined where the host is off. */
export async function initOfHost(lab: string, host: string): Promise<number | undefined> {
  const found = await needHost(lab, host);
  const [supervisor] = await supervisors(diskOf(found.record.disks, found.host.name).root);
  return supervisor === undefined ? undefined : initOf(supervisor);
}

/**
 * Whether a host has an IPv4 address at this moment. Asks the kernel from outside, in a tenth of a millisecond. This works for a host that
 * nobody can reach, and is fast enough to see two hosts with the same address.
 */
export function hasAddress(init: number, address: string): boolean {
  try {
    const table = readFileSync(`/proc/${init}/net/fib_trie`, "utf8");
    return new RegExp(`\\|-- ${address.replaceAll(".", "\\.")}\\n\\s+/32 host LOCAL`).test(table);
  } catch {
    // The host is off.
    return false;
  }
}
