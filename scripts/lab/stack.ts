import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { hostsSchema } from "../../infra/config/hosts.ts";
import { stackSection, stackText } from "../lib/stack.ts";
import { labDirectory } from "./paths.ts";
import { defaultLabName, type LabSpec } from "./spec.ts";

/** The committed stack that labs are made from. */
const base = "lab";

/**
 * The lab's hosts, as its stack names them. A lab of another name or index gets a stack file of its own, the committed one on another
 * subnet, in the lab's folder: several labs stand side by side.
 */
export async function labSpec(name: string, index: number): Promise<LabSpec> {
  const text = derivedText(stackText(base), name, index);
  if (name !== defaultLabName) {
    await mkdir(labDirectory(name), { recursive: true });
    await writeFile(join(labDirectory(name), `Pulumi.${name}.yaml`), text);
  }
  const hosts = z.parse(hostsSchema, stackSection(text, "hosts"));
  return {
    name,
    index,
    hosts: Object.entries(hosts).map(([host, { address, release }]) => ({ name: host, address, release })),
  };
}

/** The committed text with another subnet and another lab's keys. */
export function derivedText(text: string, name: string, index: number): string {
  return text.replaceAll("10.203.0.", `10.203.${index}.`).replaceAll(`.warren/labs/${base}/`, `.warren/labs/${name}/`);
}
