import { readFile } from "node:fs/promises";
import { startedTicks } from "../../infra/process-stat.ts";
import { formatColumns } from "../lib/table.ts";
import { type HostState, stateOf } from "./host-state.ts";
import { diskOf } from "./paths.ts";
import { initOf, processesIn, supervisors } from "./processes.ts";
import { findRecord, type LabRecord, listRecords } from "./registry.ts";
import { type LabHost, namespaceOf } from "./spec.ts";

export interface HostStatus {
  readonly name: string;
  readonly address: string;
  readonly release: string;
  readonly state: HostState;
  readonly uptimeSeconds: number | undefined;
  /** Resident memory of its processes; shared pages count more than once. */
  readonly memoryMb: number;
}

export interface LabStatus {
  readonly name: string;
  readonly index: number;
  readonly checkout: string;
  readonly phase: LabRecord["phase"];
  readonly hosts: readonly HostStatus[];
}

/** The state of a lab of this checkout; undefined where there is none. */
export async function labStatus(name: string): Promise<LabStatus | undefined> {
  const record = await findRecord(name);
  return record && statusOf(record);
}

/** All labs of this machine. */
export async function allLabStatus(): Promise<LabStatus[]> {
  return Promise.all((await listRecords()).map(statusOf));
}

async function statusOf(record: LabRecord): Promise<LabStatus> {
  const { name, index, checkout, phase } = record;
  return {
    name,
    index,
    checkout,
    phase,
    hosts: await Promise.all(record.hosts.map((host) => hostStatus(record, host))),
  };
}

async function hostStatus(record: LabRecord, host: LabHost): Promise<HostStatus> {
  const [supervisor] = await supervisors(diskOf(record.disks, host.name).root);
  const init = supervisor === undefined ? undefined : await initOf(supervisor);
  const pages = await Promise.all((await processesIn(namespaceOf(record.index, host.name))).map(residentPages));
  return {
    name: host.name,
    address: host.address,
    release: host.release,
    state: await stateOf(supervisor, host),
    uptimeSeconds: init === undefined ? undefined : await uptimeSeconds(init),
    memoryMb: Math.round(pages.reduce((sum, count) => sum + count, 0) / 256),
  };
}

/** In pages of 4 KiB. */
async function residentPages(pid: number): Promise<number> {
  return Number((await readFile(`/proc/${pid}/statm`, "utf8").catch(() => "0 0")).split(" ")[1]);
}

async function uptimeSeconds(pid: number): Promise<number | undefined> {
  const uptime = await readFile("/proc/uptime", "utf8").catch(() => "");
  const seconds = Number(uptime.split(" ")[0]) - (startedTicks(pid) ?? Number.NaN) / 100;
  return Number.isFinite(seconds) ? Math.round(seconds) : undefined;
}

/** The table for people. */
export function formatStatus(status: LabStatus): string {
  const head = ["host", "address", "state", "up", "memory", "release"];
  const rows = status.hosts.map((host) => [
    host.name,
    host.address,
    host.state,
    host.uptimeSeconds === undefined ? "-" : formatUptime(host.uptimeSeconds),
    host.state === "off" ? "-" : `${host.memoryMb} MB`,
    host.release,
  ]);
  const broken =
    status.phase === "making" || status.phase === "ending"
      ? `, ${status.phase}, or interrupted: ./warren lab down`
      : "";
  return `lab ${status.name} (10.203.${status.index}.0/24${broken})\n${formatColumns([head, ...rows])}\n`;
}

export function formatUptime(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
