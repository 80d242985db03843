import { parseDocument } from "yaml";
import { removePublicRoad } from "./stack-file.ts";

/** Names of the two clusters: the running pair, and the three members that replace it. */
export const clusters = { old: "bunny", new: "heron" } as const;

const places = [
  ["urp-1", 11, "urp", "bookworm"],
  ["bunny1", 21, "bunny", "bookworm"],
  ["bunny2", 22, "bunny", "bookworm"],
  ["heron1", 23, "bunny", "trixie"],
  ["heron2", 24, "bunny", "trixie"],
  ["heron3", 25, "bunny", "trixie"],
  ["pds-1", 31, "pds", "bookworm"],
] as const;

/** The text of a lab's stack with hosts of both releases and two clusters: the minimum for one cluster to replace the other. */
export function upgradeStackText(text: string): string {
  const stack = parseDocument(text);
  const at = (...path: string[]) => ["config", ...path];
  const subnet = String(stack.getIn(at("warren:hosts", "urp-1", "address"))).replace(/\d+$/, "");
  const address = (lastByte: number) => `${subnet}${lastByte}`;
  const hosts = places.map(([host, byte, role, release]) => [host, { address: address(byte), roles: [role], release }]);
  removePublicRoad(stack);
  stack.setIn(at("warren:hosts"), Object.fromEntries(hosts));
  stack.setIn(at("warren:brokers"), {
    bunny: { members: ["bunny1", "bunny2"], series: "3.10", plainText: true, virtualIp: "bunny-op" },
    heron: { members: ["heron1", "heron2", "heron3"], series: "4.0", plainText: true, virtualIp: "bunny-op" },
  });
  stack.setIn(at("warren:virtualIps", "bunny-op"), {
    ...{ address: address(50), interface: "eth0", routerId: 247 },
    priorities: { bunny1: 150, bunny2: 140, heron1: 130, heron2: 120, heron3: 110 },
  });
  stack.setIn(at("warren:announcements"), { broker: clusters.old, beside: clusters.new });
  stack.deleteIn(at("warren:directory"));
  stack.deleteIn(at("warren:secrets", "directory"));
  return stack.toString();
}
