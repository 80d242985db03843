import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { hostsSchema } from "../../infra/config/hosts.ts";
import { isLabStack, type LabStack, labStacks } from "../engine/lab-stacks.ts";
import { committedStacks, requireConfig } from "../engine/stack.ts";
import { stackSection, stackText } from "../engine/stack-config.ts";
import { labDirectory } from "./paths.ts";
import { lastSpec } from "./registry.ts";
import { rehearsalText } from "./rehearsal.ts";
import { defaultLabName, type LabHost, type LabSpec } from "./spec.ts";

const ownDiskMb = 3072;

/**
 * The lab's hosts, from its stack. A lab with another name than its committed stack's gets its own stack file in the lab's folder: the committed
 * one on another subnet. So several labs can run side by side, and any stack can be rehearsed.
 *
 * @param given the committed stack that a person has named: one for labs, or any other (see `rehearsalText`)
 * @param edit what a lab of another name has otherwise in its stack file
 */
export async function labSpec(
  name: string,
  index: number,
  given?: string,
  edit = (text: string): string => text,
): Promise<LabSpec> {
  const base = await baseOf(name, given);
  const file = join(labDirectory(name), `Pulumi.${name}.yaml`);
  const text = edit(await textFor(base, name, index, file));
  if (name !== base) {
    await mkdir(labDirectory(name), { recursive: true });
    await writeFile(file, text, { mode: 0o600 });
  }
  const hosts = z.parse(hostsSchema, stackSection(text, "hosts"));
  return {
    name,
    index,
    hosts: withOwnDisk(Object.entries(hosts)),
    base,
  };
}

/** MB. The first broker host has its own disk, so that it can be filled alone. Packages, logs and messages take a fifth of it. */
function withOwnDisk(hosts: [name: string, host: z.infer<typeof hostsSchema>[string]][]): LabHost[] {
  const own = hosts.find(([, { roles }]) => roles.includes("bunny"))?.[0];
  return hosts.map(([name, { address, release }]) => ({
    name,
    address,
    release,
    ...(name === own ? { diskMb: ownDiskMb } : {}),
  }));
}

async function textFor(base: string, name: string, index: number, file: string): Promise<string> {
  const text = stackText(base);
  if (isLabStack(base)) return derivedText(text, base, name, index);
  const former = await readFile(file, "utf8").catch(() => undefined);
  const { encryptionsalt: salt } = parse(stackText(defaultLabName)) as { encryptionsalt: string };
  return rehearsalText(text, { name, index, salt, former });
}

/** The given stack, or the one that the lab of this name was made from before. */
async function baseOf(name: string, given: string | undefined): Promise<string> {
  if (given !== undefined) requireConfig(given);
  if (isLabStack(name)) {
    if (given === undefined || given === name) return name;
    throw new UserError(`lab ${name}`, `is the lab of stack ${name}, not of ${given}`, "give another --name");
  }
  if (committedStacks().includes(name)) {
    const remedy = `give the lab a name of its own: ./warren lab -s ${name} --name ${name}-lab`;
    throw new UserError(`lab ${name}`, "has the name of a stack with hosts of its own", remedy);
  }
  return given ?? (await lastSpec(name))?.base ?? defaultLabName;
}

/** The committed text with the lab's subnet and keys. */
export function derivedText(text: string, base: LabStack, name: string, index: number): string {
  return text
    .replaceAll(`10.203.${labStacks[base]}.`, `10.203.${index}.`)
    .replaceAll(`.warren/labs/${base}/`, `.warren/labs/${name}/`);
}
