import { readFile } from "node:fs/promises";
import { exists } from "../lib/files.ts";
import { tablesOf } from "./filters.ts";
import { checkoutDirectory } from "./paths.ts";
import { attempt, run } from "./run.ts";
import { bridgeOf, cableOf, gatewayOf, type LabHost, macOf, namespaceOf, subnetOf, tableOf } from "./spec.ts";

interface Route {
  readonly dst?: string;
  readonly dev?: string;
}

/** What uses a lab's subnet on this machine, apart from that lab's bridge; undefined where it is free. */
export async function subnetOwner(index: number): Promise<string | undefined> {
  const routes = JSON.parse((await run(["ip", "-json", "route", "show", "table", "all"])) || "[]") as Route[];
  const rival = routes.find((route) => route.dev !== bridgeOf(index) && overlaps(route.dst ?? "", index));
  return rival ? `a route to ${rival.dst}${rival.dev ? ` through ${rival.dev}` : ""}` : undefined;
}

/**
 * Whether a route's destination overlaps a lab's subnet. Wide routes (10.0.0.0/8 of a
 * private network, for example) are ignored: the lab's longer prefix wins, and few people need 10.203.x from there.
 */
export function overlaps(destination: string, index: number): boolean {
  const [address, length] = destination.split("/");
  const bytes = (address ?? "").split(".").map(Number);
  const bits = length === undefined ? 32 : Number(length);
  if (bytes.length !== 4 || bits < 16) return false;
  return (
    bytes[0] === 10 &&
    bytes[1] === 203 &&
    (bits < 24 ? (bytes[2] ?? 0) >> (24 - bits) === index >> (24 - bits) : bytes[2] === index)
  );
}

/** The MTU of the machine's default route: larger frames would be dropped or fragmented there. */
export async function outerMtu(): Promise<number> {
  const [route] = JSON.parse((await run(["ip", "-json", "route", "show", "default"])) || "[]") as Route[];
  if (!route?.dev) return 1500;
  return Number(await readFile(`/sys/class/net/${route.dev}/mtu`, "utf8"));
}

/** The bridge of a lab, with masquerading. */
export async function makeBridge(index: number, labName: string, mtu: number): Promise<void> {
  const bridge = bridgeOf(index);
  await run(["ip", "-batch", "-"], {
    input: [
      `link add ${bridge} type bridge stp_state 0 forward_delay 0`,
      `link set ${bridge} mtu ${mtu} alias "warren lab ${labName} of ${checkoutDirectory}"`,
      `address add ${gatewayOf(index)}/24 dev ${bridge}`,
      `link set ${bridge} up`,
      "",
    ].join("\n"),
  });
  await run(["nft", "-f", "-"], { input: masquerading(index) });
  if (await forwardsAreDropped()) {
    for (const rule of forwardRules(index)) await run(["iptables", "-I", "FORWARD", ...rule]);
  }
}

/** Hosts of the lab reach the outside through the machine's address; labs can't reach each other. */
export function masquerading(index: number): string {
  const [bridge, subnet] = [bridgeOf(index), subnetOf(index)];
  return `table ip ${tableOf(index)} {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ${subnet} ip daddr != ${subnet} masquerade
  }
  chain forward {
    type filter hook forward priority filter;
    iifname "${bridge}" oifname "wl*" oifname != "${bridge}" drop
  }
}
`;
}

/** Container engines and ufw drop forwarded packets by default; only a rule in their own chain prevents that. */
async function forwardsAreDropped(): Promise<boolean> {
  const rules = await run(["iptables", "-S", "FORWARD"]).catch(() => "");
  return rules.includes("-P FORWARD DROP");
}

/** Whether a lab's rules are in the chain of the container engines. */
export async function hasForwardRules(index: number): Promise<boolean> {
  const rules = await run(["iptables", "-S", "FORWARD"]).catch(() => "");
  return rules.split(/[\s"]+/).includes(tableOf(index));
}

function forwardRules(index: number): string[][] {
  const comment = ["-m", "comment", "--comment", tableOf(index), "-j", "ACCEPT"];
  return [
    ["-i", bridgeOf(index), ...comment],
    ["-o", bridgeOf(index), ...comment],
  ];
}

/** Undoes `makeBridge`, also where it was done in part. */
export async function removeBridge(index: number): Promise<void> {
  await attempt(["ip", "link", "delete", bridgeOf(index)]);
  for (const [family, name] of await tablesOf(index)) await attempt(["nft", "delete", "table", family, name]);
  if (await hasForwardRules(index)) {
    for (const rule of forwardRules(index)) await attempt(["iptables", "-D", "FORWARD", ...rule]);
  }
}

/** A host's network: its own namespace, and a cable from its eth0 to the bridge. */
export async function plugIn(index: number, host: LabHost, mtu: number): Promise<void> {
  const namespace = namespaceOf(index, host.name);
  const cable = cableOf(index, host);
  await run(["ip", "-batch", "-"], {
    input: [
      `netns add ${namespace}`,
      `link add ${cable} mtu ${mtu} type veth peer name eth0 mtu ${mtu} address ${macOf(index, host)} netns ${namespace}`,
      `link set ${cable} master ${bridgeOf(index)} up`,
      "",
    ].join("\n"),
  });
  await run(["ip", "-netns", namespace, "-batch", "-"], {
    input: [
      "link set lo up",
      `address add ${host.address}/24 broadcast + dev eth0`,
      "link set eth0 up",
      `route add default via ${gatewayOf(index)}`,
      "",
    ].join("\n"),
  });
}

/** Undoes `plugIn`, also where it was done in part. The host's processes have already exited. */
export async function unplug(index: number, host: LabHost): Promise<void> {
  const [namespace, cable] = [namespaceOf(index, host.name), cableOf(index, host)];
  if (await exists(`/sys/class/net/${cable}`)) await attempt(["ip", "link", "delete", cable]);
  if (await exists(`/run/netns/${namespace}`)) await attempt(["ip", "netns", "delete", namespace]);
}

/** Pulls the cable: the host's eth0 loses its carrier, the host keeps running. */
export async function setCable(index: number, host: LabHost, state: "up" | "down"): Promise<void> {
  await run(["ip", "link", "set", cableOf(index, host), state]);
}
