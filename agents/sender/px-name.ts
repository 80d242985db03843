import { controlCharacter } from "../lib/foreign.ts";

/** Sundew's names: `WHAT:SYSTEM:SITE:TYPE:FORMAT-OR-PRIORITY:…:STAMP`, colon fields, the reception stamp last. */

/** For files without a priority: sent after all that have one. */
export const priorityLast = 6;

/** Why a name can't be that of a message; undefined if it can. */
export function nameFault(name: string): string | undefined {
  return controlCharacter.test(name) ? "its name has a control character" : undefined;
}

/** Whether a name marks an unfinished file, by Sundew's convention. */
export function isInWork(name: string): boolean {
  return name.startsWith(".") || name.endsWith(".tmp");
}

/** The reception stamp `YYYYMMDDHHMMSS`; undefined if the last field is not one. */
export function stampOf(name: string): string | undefined {
  const last = name.slice(name.lastIndexOf(":") + 1);
  return name.includes(":") && /^\d{14}$/.test(last) ? last : undefined;
}

/** 0 to 5 from the fifth field, as in `…:SA:3.A.I.E::20050201200339`; undefined if there is none. */
export function priorityOf(name: string): number | undefined {
  const found = /^([0-5])(?:\.|$)/.exec(name.split(":")[4] ?? "");
  return found ? Number(found[1]) : undefined;
}

/**
 * Checks a name like Sundew's `validation`: at least seven colon fields, the fifth starting with a priority, the last one a time.
 * @returns the problem; undefined if the name is valid
 */
export function validationFault(name: string): string | undefined {
  const fields = name.split(":");
  if (fields.length < 7) return `validation: its name has ${fields.length} colon fields, expected 7`;
  if (!/^\d/.test(fields[4] ?? "")) return "validation: the fifth field of its name doesn't start with a priority";
  return stampOf(name) === undefined ? "validation: its name does not end in a time (YYYYMMDDHHMMSS)" : undefined;
}

/**
 * The name that pxSender put into the header `filename`: without the last field if that starts like a year of this century. The receiver
 * appends its own stamp.
 */
export function headerName(name: string): string {
  const at = name.lastIndexOf(":");
  return at >= 0 && name.startsWith("20", at + 1) ? name.slice(0, at) : name;
}

type Fields = readonly string[];
const heading = (name: string): Fields => (name.split(":")[0] ?? "").split("_");
const stampPart = (name: string, from: number, to: number) => stampOf(name)?.slice(from, to);

/** Placeholders of `exchangeKey` besides captures: parts of a bulletin's heading (`SACN43_CWAO_012000_BBB`) and of the reception stamp. */
export const nameParts: Readonly<Record<string, (name: string) => string | undefined>> = {
  T1: (name) => heading(name)[0]?.slice(0, 1),
  T2: (name) => heading(name)[0]?.slice(1, 2),
  A1: (name) => heading(name)[0]?.slice(2, 3),
  A2: (name) => heading(name)[0]?.slice(3, 4),
  ii: (name) => heading(name)[0]?.slice(4, 6),
  CCCC: (name) => heading(name)[1],
  YY: (name) => heading(name)[2]?.slice(0, 2),
  GG: (name) => heading(name)[2]?.slice(2, 4),
  Gg: (name) => heading(name)[2]?.slice(4, 6),
  BBB: (name) => heading(name)[3]?.slice(0, 3),
  RYYYY: (name) => stampPart(name, 0, 4),
  RMM: (name) => stampPart(name, 4, 6),
  RDD: (name) => stampPart(name, 6, 8),
  RHH: (name) => stampPart(name, 8, 10),
  RMN: (name) => stampPart(name, 10, 12),
  RSS: (name) => stampPart(name, 12, 14),
};
