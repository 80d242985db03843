import { controlCharacter } from "../lib/foreign.ts";

/** Sundew's names: `WHAT:SYSTEM:SITE:TYPE:FORMAT-OR-PRIORITY:…:STAMP`, colon fields, the reception stamp last. */

/** After all that have one. */
export const priorityLast = 6;

/** What keeps a name from being a message's; undefined where nothing does. */
export function nameFault(name: string): string | undefined {
  return controlCharacter.test(name) ? "its name has a control character" : undefined;
}

/** Whether a file of this name is in work still: Sundew's mark for it. */
export function isInWork(name: string): boolean {
  return name.startsWith(".") || name.endsWith(".tmp");
}

/** The reception stamp `YYYYMMDDHHMMSS`; undefined where the last field is none. */
export function stampOf(name: string): string | undefined {
  const last = name.slice(name.lastIndexOf(":") + 1);
  return name.includes(":") && /^\d{14}$/.test(last) ? last : undefined;
}

/** 0 to 5 from the fifth field, as in `…:SA:3.A.I.E::20050201200339`; undefined where there is none. */
export function priorityOf(name: string): number | undefined {
  const found = /^([0-5])(?:\.|$)/.exec(name.split(":")[4] ?? "");
  return found ? Number(found[1]) : undefined;
}

/**
 * What Sundew's `validation` asks of a name: seven colon fields or more, a priority at the beginning of the fifth, a time at the end.
 * @returns what is wrong with it; undefined where it is good
 */
export function validationFault(name: string): string | undefined {
  const fields = name.split(":");
  if (fields.length < 7) return `validation: its name has ${fields.length} colon fields, expected 7`;
  if (!/^\d/.test(fields[4] ?? "")) return "validation: the fifth field of its name is no priority";
  return stampOf(name) === undefined ? "validation: its name does not end in a time (YYYYMMDDHHMMSS)" : undefined;
}

/**
 * The name as pxSender told it in the header `filename`: without the last field where that begins as a year of this century does. The
 * receiver puts a stamp of its own there.
 */
export function headerName(name: string): string {
  const at = name.lastIndexOf(":");
  return at >= 0 && name.startsWith("20", at + 1) ? name.slice(0, at) : name;
}

type Fields = readonly string[];
const heading = (name: string): Fields => (name.split(":")[0] ?? "").split("_");
const stampPart = (name: string, from: number, to: number) => stampOf(name)?.slice(from, to);

/** What `exchange_key` may name beside captures: parts of a bulletin's heading (`SACN43_CWAO_012000_BBB`) and of the reception stamp. */
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
