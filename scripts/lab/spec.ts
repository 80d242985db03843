import { ConfigError, type ConfigIssue } from "../../agents/lib/errors.ts";
import { isLabStack } from "../engine/lab-stacks.ts";

/** Debian releases that the lab can build. */
export const releases = ["bookworm", "trixie"] as const;
export type Release = (typeof releases)[number];

/** One host: its name, its address inside the lab's subnet, and the Debian release it is installed with. */
export interface LabHost {
  readonly name: string;
  readonly address: string;
  readonly release: Release;
  /** Size of the host's own file system in MB; without it, the host shares the machine's free space. */
  readonly diskMb?: number;
  /** More names for its host key; names on the hosts themselves are set by the stack. */
  readonly aliases?: readonly string[];
}

/** A lab: hosts on one bridge. `index` tells the labs of a machine apart: it is the third byte of the subnet. */
export interface LabSpec {
  readonly name: string;
  readonly index: number;
  readonly hosts: readonly LabHost[];
  /** The committed stack of its hosts; absent: `lab`, or hosts of no stack. */
  readonly base?: string;
}

export const defaultLabName = "lab";
export const indexMax = 250;

/** The option that names a lab on the command line. */
export function labOption(name: string): string {
  if (name === defaultLabName) return "";
  return isLabStack(name) ? ` -s ${name}` : ` --name ${name}`;
}

/** All things of a lab on this machine are named after its index, so that they can be found without a record. */
export const subnetOf = (index: number): string => `10.203.${index}.0/24`;
export const gatewayOf = (index: number): string => `10.203.${index}.1`;
export const bridgeOf = (index: number): string => `wl${index}`;
export const tableOf = (index: number): string => `warren-lab-${index}`;
export const namespaceOf = (index: number, host: string): string => `wl${index}-${host}`;

/** The outer end of a host's cable. The last byte of the address is unique in the subnet and keeps the name shorter than IFNAMSIZ. */
export const cableOf = (index: number, host: LabHost): string => `wl${index}h${lastByte(host.address)}`;

/** Fixed, so that the neighbours' caches stay valid when a host restarts. */
export function macOf(index: number, host: LabHost): string {
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  return `02:57:4c:00:${hex(index)}:${hex(lastByte(host.address))}`;
}

function lastByte(address: string): number {
  return Number(address.split(".")[3]);
}

const labName = /^[a-z][a-z0-9-]{0,30}$/;
const hostName = /^[a-z][a-z0-9-]{0,40}$/;

/** All errors of a spec. */
export function specIssues(spec: LabSpec): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const say = (path: string, message: string) => issues.push({ path, message });
  if (!labName.test(spec.name)) {
    say("name", `expected lower case letters, digits and hyphens (31 at most), got ${JSON.stringify(spec.name)}`);
  }
  if (!Number.isInteger(spec.index) || spec.index < 0 || spec.index > indexMax) {
    say("index", `expected 0 to ${indexMax}, got ${spec.index}`);
  }
  if (spec.hosts.length === 0) say("hosts", "expected at least one host");
  const owners = new Map<string, string>();
  for (const [position, host] of spec.hosts.entries()) {
    const path = `hosts[${position}]`;
    if (!hostName.test(host.name)) say(`${path}.name`, `expected a short host name, got ${JSON.stringify(host.name)}`);
    const byte = addressByte(host.address, spec.index);
    if (byte === undefined || byte < 2 || byte > 254) {
      say(`${path}.address`, `expected 10.203.${spec.index}.2 to .254, got ${JSON.stringify(host.address)}`);
    }
    if (!releases.includes(host.release)) {
      say(`${path}.release`, `expected ${releases.join(" or ")}, got ${JSON.stringify(host.release)}`);
    }
    if (host.diskMb !== undefined && !(Number.isInteger(host.diskMb) && host.diskMb >= 64)) {
      say(`${path}.diskMb`, `expected at least 64 (MB), got ${host.diskMb}`);
    }
    for (const word of new Set([host.name, host.address, ...(host.aliases ?? [])])) {
      const owner = owners.get(word);
      if (owner) say(path, `${word} is already taken by ${owner}`);
      owners.set(word, host.name);
    }
  }
  return issues;
}

function addressByte(address: string, index: number): number | undefined {
  const match = /^10\.203\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  return match && Number(match[1]) === index ? Number(match[2]) : undefined;
}

/** @throws ConfigError with all errors */
export function checkSpec(spec: LabSpec): void {
  const issues = specIssues(spec);
  if (issues.length > 0) throw new ConfigError(`lab ${spec.name}`, issues);
}

/** Nine hosts of no stack: two radar servers, a broker pair, five product servers. */
export function defaultHosts(index: number): LabHost[] {
  const host = (name: string, byte: number): LabHost => ({
    name,
    address: `10.203.${index}.${byte}`,
    release: "bookworm",
  });
  return [
    host("urp-1", 11),
    host("urp-2", 12),
    host("bunny1", 21),
    host("bunny2", 22),
    ...[1, 2, 3, 4, 5].map((number) => host(`pds-${number}`, 30 + number)),
  ];
}
