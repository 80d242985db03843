import type { z } from "zod";
import { virtualIpsSchema } from "../config/virtual-ips.ts";
import { parseKeepalived, type Statement } from "./keepalived-text.ts";
import { nameFrom } from "./names.ts";
import { keptInFile, type Unexpressed } from "./unexpressed.ts";

/** A virtual IP as a stack file has it. */
export type VirtualIpInput = z.input<typeof virtualIpsSchema>[string];

/** keepalived.conf of one host. */
interface KeepalivedFile {
  readonly host: string;
  /** For what can't be expressed: `bunny1:/etc/keepalived/keepalived.conf`. */
  readonly place: string;
  readonly text: string;
}

type FoundVip = Omit<VirtualIpInput, "priorities"> & { readonly priority: number };

/** Seconds between adverts and priority of an instance that doesn't say them, see keepalived.conf(5). */
const advertSecondsDefault = 1;
const priorityDefault = 100;

/**
 * The virtual IPs that the hosts may hold, each by the name of its VRRP instance. Hosts that say different things of one instance are told apart: the
 * first one's words count, the other's are listed.
 */
export function readVirtualIps(files: readonly KeepalivedFile[]): {
  virtualIps: Record<string, VirtualIpInput>;
  unexpressed: Unexpressed[];
} {
  const virtualIps: Record<string, VirtualIpInput> = {};
  const unexpressed: Unexpressed[] = [];
  for (const file of files) {
    for (const statement of parseKeepalived(file.text)) {
      const say = (line: number, what: string) =>
        unexpressed.push({ place: `${file.place}:${line}`, what, consequence: keptInFile });
      const [keyword = "", name = ""] = statement.words;
      if (keyword !== "vrrp_instance") {
        say(statement.line, describe(statement));
        continue;
      }
      const found = readInstance(statement, say);
      if (!found) continue;
      const vip = nameFrom(name, "vip");
      const { priority, ...common } = found;
      const before = virtualIps[vip];
      const priorities = { ...before?.priorities, [file.host]: priority };
      if (before) sayDifferences(before, common, (what) => say(statement.line, `${name}: ${what}`));
      virtualIps[vip] = { ...(before ?? common), priorities };
    }
  }
  return { virtualIps, unexpressed };
}

/** Blocks by their name, top-level lines by their words; keywords of keepalived are known, prose is said to be none. */
function describe({ words, block }: Statement): string {
  if (block) return `${words.join(" ")} {…}`;
  const prose = !/^(global_defs|vrrp_|static_|virtual_|linkbeat|include|track_|net_namespace|instance|nopreempt)/.test(
    words[0] ?? "",
  );
  return prose ? `\`${words.join(" ")}\`, which is no statement of keepalived's` : words.join(" ");
}

function readInstance(instance: Statement, say: (line: number, what: string) => void): FoundVip | undefined {
  const name = instance.words[1] ?? "";
  const single = new Map<string, string>();
  let addresses: Statement[] = [];
  for (const statement of instance.block ?? []) {
    const [keyword = "", value = ""] = statement.words;
    if (["interface", "virtual_router_id", "priority", "advert_int", "preempt_delay"].includes(keyword)) {
      single.set(keyword, value);
    } else if (keyword === "virtual_ipaddress") addresses = [...(statement.block ?? [])];
    else if (!saysNothingNew(statement, single)) {
      say(statement.line, `vrrp_instance ${name}: ${masked(statement)}`);
    }
  }
  const [first, ...more] = addresses;
  for (const other of more) say(other.line, `vrrp_instance ${name}: a further address, ${other.words.join(" ")}`);
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
  const judged = virtualIpsSchema.safeParse({ vip: { ...found, priorities: { host: priority } } });
  if (judged.success) return { ...found, priority };
  const reasons = judged.error.issues.map((issue) => `${issue.path.slice(1).join(".")}: ${issue.message}`);
  say(instance.line, `vrrp_instance ${name}, as a whole: ${reasons.join("; ")}`);
  return undefined;
}

/** The state that an instance begins with, and the tracking of its own interface, which keepalived does anyway. */
function saysNothingNew({ words: [keyword], block }: Statement, single: ReadonlyMap<string, string>): boolean {
  if (keyword === "state") return true;
  const tracked = block?.map(({ words }) => words.join(" ")) ?? [];
  return keyword === "track_interface" && tracked.every((one) => one === single.get("interface"));
}

/** Passwords are not for lists. */
function masked({ words, block }: Statement): string {
  if (words[0] === "authentication") return "authentication, which VRRP version 3 doesn't have";
  const inner = block?.map((statement) => statement.words.join(" ")).join(", ");
  return inner === undefined ? words.join(" ") : `${words.join(" ")} { ${inner} }`;
}

function sayDifferences(before: VirtualIpInput, now: object, say: (what: string) => void): void {
  for (const [key, value] of Object.entries(now)) {
    const other = before[key as keyof VirtualIpInput];
    if (JSON.stringify(other) !== JSON.stringify(value)) say(`${key} ${value} here, ${other} on the host before`);
  }
}
