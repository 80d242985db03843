import { readFileSync } from "node:fs";
import { diskOf } from "./paths.ts";
import { initOf, supervisors } from "./processes.ts";
import { needHost } from "./ssh.ts";

/** Process id of a host's init as this machine sees it; undefined where the host is off. */
export async function initOfHost(lab: string, host: string): Promise<number | undefined> {
  const found = await needHost(lab, host);
  const [supervisor] = await supervisors(diskOf(found.record.disks, found.host.name).root);
  return supervisor === undefined ? undefined : initOf(supervisor);
}

/**
 * Whether a host has an IPv4 address at this moment. The kernel is asked from outside, in a tenth of a millisecond: also of a host that
 * nobody reaches, and often enough to see two hosts have the same one.
 */
export function hasAddress(init: number, address: string): boolean {
  try {
    const table = readFileSync(`/proc/${init}/net/fib_trie`, "utf8");
    return new RegExp(`\\|-- ${address.replaceAll(".", "\\.")}\\n\\s+/32 host LOCAL`).test(table);
  } catch {
    // It has been switched off.
    return false;
  }
}
