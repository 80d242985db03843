import type * as z from "zod";
import { virtualIpsSchema } from "../config/virtual-ips.ts";
import { parseKeepalived, type Statement } from "./keepalived-text.ts";
import { nameFrom } from "./names.ts";
import { keptInFile, type Unexpressed } from "./unexpressed.ts";

/** A virtual IP in the form of a stack file. */
export type VirtualIpInput = z.input<typeof virtualIpsSchema>[string];

/** keepalived.conf of one host. */
interface KeepalivedFile {
  readonly host: string;
  /** Place of what can't be expressed: `bunny1:/etc/keepalived/keepalived.conf`. */
  readonly place: string;
  readonly text: string;
}

type FoundVip = Omit<VirtualIpInput, "priorities"> & { readonly priority: number };

/** Defaults of an instance for the seconds between adverts and the priority, see keepalived.conf(5). */
const advertSecondsDefault = 1;
const priorityDefault = 100;

/**
 * The virtual IPs that the hosts can hold, by the name of their VRRP instance. If hosts differ on an instance, the first host's settings count, and the
 * differences are listed.
 */
export function readVirtualIps(files: readonly KeepalivedFile[]): {
  virtualIps: Record<string, VirtualIpInput>;
  unexpressed: Unexpressed[];
} {
  const virtualIps: Record<string, VirtualIpInput> = {};
  const unexpressed: Unexpressed[] = [];
  for (const file of files) {
    for (const statement of parseKeepalived(file.text)) {
      const list = (line: number, what: string) =>
        unexpressed.push({ place: `${file.place}:${line}`, what, consequence: keptInFile });
      const [keyword = "", name = ""] = statement.words;
      if (keyword !== "vrrp_instance") {
        list(statement.line, describe(statement));
        continue;
      }
      const found = readInstance(statement, list);
      if (!found) continue;
      const vip = nameFrom(name, "vip");
      const { priority, ...common } = found;
      const before = virtualIps[vip];
      const priorities = { ...before?.priorities, [file.host]: priority };
      if (before) listDifferences(before, common, (what) => list(statement.line, `${name}: ${what}`));
      virtualIps[vip] = { ...(before ?? common), priorities };
    }
  }
  return { virtualIps, unexpressed };
}

/** Blocks by their name, top-level lines by their words. A line without a known keyword is marked as not a statement. */
function describe({ words, block }: Statement): string {
  if (block) return `${words.join(" ")} {…}`;
  const prose = !/^(global_defs|vrrp_|static_|virtual_|linkbeat|include|track_|net_namespace|instance|nopreempt)/.test(
    words[0] ?? "",
  );
  return prose ? `\`${words.join(" ")}\`, which is not a keepalived statement` : words.join(" ");
}

function readInstance(instance: Statement, list: (line: number, what: string) => void): FoundVip | undefined {
  const name = instance.words[1] ?? "";
  const single = new Map<string, string>();
  let addresses: Statement[] = [];
  for (const statement of instance.block ?? []) {
    const [keyword = "", value = ""] = statement.words;
    if (["interface", "virtual_router_id", "priority", "advert_int", "preempt_delay"].includes(keyword)) {
      single.set(keyword, value);
    } else if (keyword === "virtual_ipaddress") addresses = [...(statement.block ?? [])];
    else if (!isRedundant(statement, single)) {
      list(statement.line, `vrrp_instance ${name}: ${masked(statement)}`);
    }
  }
  const [first, ...more] = addresses;
  for (const other of more) list(other.line, `vrrp_instance ${name}: an additional address, ${other.words.join(" ")}`);
  const [address = "", prefix] = (first?.words[0] ?? "").split("/");
  const device = first?.words[(first.words.indexOf("dev") + 1 || Number.NaN) as number];
  const found = {
    address,
    ...(prefix === undefined ? {} : { prefixLength: Number(prefix) }),
    interface: device ?? single.get("interface") ?? "",
    routerId: Number(single.get("virtual_router_id")),
    advertSeconds: Number(single.get("advert_int") ?? advertSecondsDefault),
    preemptDelaySeconds: Number(single.get("preempt_delay") ?? 0),
  };
  const priority = Number(single.get("priority") ?? priorityDefault);
  const parsed = virtualIpsSchema.safeParse({ vip: { ...found, priorities: { host: priority } } });
  if (parsed.success) return { ...found, priority };
  const reasons = parsed.error.issues.map((issue) => `${issue.path.slice(1).join(".")}: ${issue.message}`);
  list(instance.line, `vrrp_instance ${name}, the whole instance: ${reasons.join("; ")}`);
  return undefined;
}

/** The initial state of an instance, and the tracking of its own interface, which keepalived does anyway. */
function isRedundant({ words: [keyword], block }: Statement, single: ReadonlyMap<string, string>): boolean {
  if (keyword === "state") return true;
  const tracked = block?.map(({ words }) => words.join(" ")) ?? [];
  return keyword === "track_interface" && tracked.every((one) => one === single.get("interface"));
}

/** A statement's text without passwords. */
function masked({ words, block }: Statement): string {
  if (words[0] === "authentication") return "authentication, which VRRP version 3 doesn't have";
  const inner = block?.map((statement) => statement.words.join(" ")).join(", ");
  return inner === undefined ? words.join(" ") : `${words.join(" ")} { ${inner} }`;
}

function listDifferences(before: VirtualIpInput, now: object, list: (what: string) => void): void {
  for (const [key, value] of Object.entries(now)) {
    const other = before[key as keyof VirtualIpInput];
    if (JSON.stringify(other) !== JSON.stringify(value)) list(`${key} ${value} here, ${other} on the previous host`);
  }
}
