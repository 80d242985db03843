import { UserError } from "../../agents/lib/errors.ts";
import { attempt, run } from "./run.ts";
import { cableOf, type LabHost, namespaceOf, tableOf } from "./spec.ts";

/**
 * Faults between hosts are tables of the bridge's packet filter, one for each fault, named after the lab. They see only what
 * one host sends to another: the machine itself still reaches every host.
 */
const faultTable = (index: number, fault: string): string => `${tableOf(index)}-${fault}`;

/** Drops frames between two groups of hosts, in both directions. */
export function partitionTable(index: number, one: readonly LabHost[], other: readonly LabHost[]): string {
  const set = (hosts: readonly LabHost[]) => `{ ${hosts.map((host) => `"${cableOf(index, host)}"`).join(", ")} }`;
  return tableText(faultTable(index, "partition"), [
    `iifname ${set(one)} oifname ${set(other)} drop`,
    `iifname ${set(other)} oifname ${set(one)} drop`,
  ]);
}

/** Drops a share of a host's frames, independently in each direction. */
export function lossTable(index: number, host: LabHost, lossPercent: number): string {
  const perMille = Math.round(lossPercent * 10);
  const chance = perMille < 1000 ? `numgen random mod 1000 < ${perMille} drop` : "drop";
  const cable = cableOf(index, host);
  return tableText(faultTable(index, `loss-${host.name}`), [
    `iifname "${cable}" ${chance}`,
    `oifname "${cable}" ${chance}`,
  ]);
}

/** Creates, deletes and creates the table in one transaction, which replaces an existing one. */
function tableText(name: string, rules: readonly string[]): string {
  const chain = `  chain forward {\n    type filter hook forward priority filter;\n${rules.map((rule) => `    ${rule}\n`).join("")}  }\n`;
  return `table bridge ${name} {}\ndelete table bridge ${name}\ntable bridge ${name} {\n${chain}}\n`;
}

export async function addFilter(table: string): Promise<void> {
  await run(["nft", "-f", "-"], { input: table });
}

/** Removes the loss of one host, or every fault of a lab. */
export async function removeFilters(index: number, host?: string): Promise<void> {
  const wanted = host === undefined ? tableOf(index) : faultTable(index, `loss-${host}`);
  for (const [family, name] of await tablesOf(index)) {
    const isFault = name !== tableOf(index) && (name === wanted || host === undefined);
    if (isFault) await attempt(["nft", "delete", "table", family, name]);
  }
}

/** Family and name of every table of a lab. */
export async function tablesOf(index: number): Promise<[family: string, name: string][]> {
  const lines = (await run(["nft", "list", "tables"]).catch(() => "")).split("\n");
  return lines.flatMap((line) => {
    const [, family, name] = line.split(" ");
    const isOurs = name === tableOf(index) || name?.startsWith(`${tableOf(index)}-`);
    return family && name && isOurs ? [[family, name] as [string, string]] : [];
  });
}

/** Delays what a host receives and sends, in each direction. Zero removes the delay. */
export async function setDelay(index: number, host: LabHost, delayMs: number): Promise<void> {
  const ends: string[][] = [
    ["tc", "qdisc", "ACTION", "dev", cableOf(index, host), "root"],
    ["tc", "-netns", namespaceOf(index, host.name), "qdisc", "ACTION", "dev", "eth0", "root"],
  ];
  for (const end of ends) {
    const command = (action: string, ...more: string[]): [string, ...string[]] => {
      const [program = "tc", ...rest] = end.map((word) => (word === "ACTION" ? action : word));
      return [program, ...rest, ...more];
    };
    if (delayMs === 0) await attempt(command("delete"));
    else await run(command("replace", "netem", "delay", `${delayMs}ms`)).catch(withoutNetem);
  }
}

function withoutNetem(error: unknown): never {
  if (!(error instanceof UserError) || !/qdisc kind is unknown|No such file/.test(error.message)) throw error;
  throw new UserError(
    "lab netem",
    "this machine's kernel can't delay packets (it lacks sch_netem)",
    "modprobe sch_netem",
    {
      cause: error,
    },
  );
}
