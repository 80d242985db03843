import { chainOf } from "../../scripts/inspect/snapshot/chain.ts";
import { lab, stackConfig, textOf } from "./subject.ts";

/** Host and name of a unit that the stack runs. */
export type Unit = readonly [host: string, unit: string];

const nameOf = ([host, unit]: Unit): string => `${host} ${unit}`;

export const isAgent = ([, unit]: Unit): boolean => unit.startsWith("warren-");

/** Every unit that must run, from the same list as `./warren verify`. */
export async function stackUnits(): Promise<Unit[]> {
  const { hosts } = chainOf(lab, await stackConfig());
  return hosts.flatMap(({ name, units, agents }) =>
    [...units, ...agents.map(({ unit }) => unit)].map((unit): Unit => [name, unit]),
  );
}

/** A property of units, by `HOST UNIT`. One query per host, all at the same time. */
export async function propertyOf(property: string, units: readonly Unit[]): Promise<Map<string, string>> {
  const queries = [...Map.groupBy(units, ([host]) => host)].map(async ([host, ofHost]) => {
    const names = ofHost.map(([, unit]) => unit).join(" ");
    const values = (await textOf(host, `systemctl show --value --property=${property} ${names}`)).split(/\n+/);
    return ofHost.map((unit, index) => [nameOf(unit), values[index] ?? ""] as const);
  });
  return new Map((await Promise.all(queries)).flat());
}

/** Those of these units that some work has restarted. */
export async function restartedBy(units: readonly Unit[], work: () => Promise<unknown>): Promise<string[]> {
  const runs = () => propertyOf("InvocationID", units);
  const before = await runs();
  await work();
  return [...(await runs())].filter(([unit, run]) => before.get(unit) !== run).map(([unit]) => unit);
}
