import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { ensureStack } from "../../scripts/engine/engine.ts";
import { stackText } from "../../scripts/engine/stack-config.ts";
import { ensureToolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import { allocateLabIndex, type LabHost, labDown, labUp, type Release } from "../../scripts/lab/index.ts";
import { labDirectory } from "../../scripts/lab/paths.ts";

/** Names of the two clusters: the pair that works, and the three that take its place. */
export const clusters = { old: "bunny", new: "heron" } as const;

const places: readonly (readonly [name: string, lastByte: number, role: string, release: Release])[] = [
  ["urp-1", 11, "urp", "bookworm"],
  ["bunny1", 21, "bunny", "bookworm"],
  ["bunny2", 22, "bunny", "bookworm"],
  ["heron1", 23, "bunny", "trixie"],
  ["heron2", 24, "bunny", "trixie"],
  ["heron3", 25, "bunny", "trixie"],
  ["pds-1", 31, "pds", "bookworm"],
];

/** The committed lab's text with hosts of both releases and two clusters: the least on which one can take the place of the other. */
export function upgradeStackText(text: string, name: string, index: number): string {
  const stack = parseDocument(text);
  const at = (...path: string[]) => ["config", ...path];
  const address = (lastByte: number) => `10.203.${index}.${lastByte}`;
  const hosts = places.map(([host, byte, role, release]) => [host, { address: address(byte), roles: [role], release }]);
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
  for (const key of ["datamart", "receivers", "bridges", "directory"]) stack.deleteIn(at(`warren:${key}`));
  for (const key of ["deliveryKey", "deliveryPassword", "directory"]) stack.deleteIn(at("warren:secrets", key));
  for (const user of ["anonymous@wxo-b1", "feeder@wxo-b1", "queue-manager"])
    stack.deleteIn(at("warren:secrets", "passwords", user));
  return stack.toString().replaceAll(".warren/labs/lab/", `.warren/labs/${name}/`);
}

/** Bare hosts and a stack file of their own. */
export async function bringUpgradeSubject(name: string): Promise<void> {
  await labDown(name);
  await ensureToolchain();
  const index = await allocateLabIndex(name);
  const hosts = places.map(
    ([host, byte, , release]): LabHost => ({ name: host, address: `10.203.${index}.${byte}`, release }),
  );
  await labUp({ name, index, hosts });
  await mkdir(labDirectory(name), { recursive: true });
  const file = join(labDirectory(name), `Pulumi.${name}.yaml`);
  await writeFile(file, upgradeStackText(stackText("lab"), name, index));
  await ensureStack(name);
}
