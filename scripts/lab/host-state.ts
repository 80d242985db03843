import { connect } from "node:net";
import { exists } from "../lib/files.ts";
import { diskOf } from "./paths.ts";
import { initOf, supervisors } from "./processes.ts";
import type { LabRecord } from "./registry.ts";
import type { LabHost } from "./spec.ts";

export type HostState = "off" | "booting" | "running" | "unreachable";

/** Whether a host is on; it may still be booting. */
export async function isOn(record: LabRecord, host: LabHost): Promise<boolean> {
  return (await supervisors(diskOf(record.disks, host.name).root)).length > 0;
}

/** A host's state. `unreachable`: its processes run, but nothing answers at its address. */
export async function stateOf(supervisor: number | undefined, host: LabHost): Promise<HostState> {
  if (supervisor === undefined) return "off";
  const init = await initOf(supervisor);
  if (init === undefined) return "booting";
  // Until its services are up, only root can log in.
  const closed = await exists(`/proc/${init}/root/run/nologin`);
  if (await sshAnswers(host.address, 500)) return closed ? "booting" : "running";
  return (await exists(`/proc/${init}/root/run/sshd.pid`)) ? "unreachable" : "booting";
}

/** Whether an ssh server answers at an address. */
function sshAnswers(address: string, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(withinMs, () => end(false));
    socket.once("data", (greeting) => end(greeting.toString().startsWith("SSH-")));
    socket.once("error", () => end(false)).once("close", () => end(false));
  });
}
