import { changeDeep, isRecord, type Values } from "./base.ts";

/** Stands in a stack file for a value that only its operator knows. */
const fillIn = "FILL-IN";

/** Paths of the values that are not filled in yet, e.g. `hosts.urp-1.address`, in the order of the file. */
export const unfilledPaths = (values: unknown, path: readonly string[] = []): string[] => {
  if (values === fillIn) return [path.join(".")];
  if (Array.isArray(values)) return values.flatMap((item, index) => unfilledPaths(item, [...path, String(index)]));
  if (!isRecord(values)) return [];
  return Object.entries(values).flatMap(([key, value]) => unfilledPaths(value, [...path, key]));
};

/**
 * The same values with addresses that are filled in, so that a file can be checked before its operator knows them. No host is contacted by
 * these: they are of the segment of the first virtual IP that has an address, else of the range for documentation (RFC 5737).
 */
export function withFilledIn(values: Values): Values {
  const given = JSON.stringify(values.virtualIps ?? {}).match(/\b(?:\d{1,3}\.){3}(?=\d{1,3}\b)/)?.[0];
  const subnet = given ?? "192.0.2.";
  let last = 100;
  return changeDeep(values, (part) => (part === fillIn ? `${subnet}${++last}` : undefined)) as Values;
}
