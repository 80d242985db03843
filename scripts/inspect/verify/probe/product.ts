import { UserError } from "../../../../agents/lib/errors.ts";
import { FileRules } from "../../../../agents/lib/file-rules.ts";
import { type Traced, traced } from "../../trace/trace.ts";

/** A product that is recognised by a mark in its name. */
export interface MarkedProduct {
  readonly mark: string;
  readonly file: string;
  /** Folder below the root: empty, or `a/b/`. */
  readonly folder: string;
  /** Not the site of any radar: folders of this name belong to the probe. */
  readonly site: string;
}

const site = "PROBE";

/** @param random six letters or digits */
export const markOf = (random: string): string => `WARRENPROBE${random}`;

/** A product named and placed as radar servers do. */
export function radarProduct(mark: string, now: Date): MarkedProduct & { readonly traced: Traced } {
  const file = `${digits(now, 12)}~~PROBE,0,0,${mark},NA,NA:URP:${site}:RADAR:META::${digits(now, 14)}`;
  return { mark, site, file, folder: `${digits(now, 8)}/RADAR/URP/${site}/`, traced: traced(file) };
}

/** The requirement's own example, with the probe's mark; `{minute}` and `{second}` are times. */
export const publicNameDefault = "{minute}_{mark}_24_HR_ACCUM_MM.gif:URP:PROBE:RADAR:GIF::{second}";

interface Rule {
  readonly accept?: string | undefined;
  readonly reject?: string | undefined;
}

/**
 * A product named as px's receivers do.
 *
 * @param rules of px's sender, which must accept the name
 * @param template with `{mark}` before its first colon
 * @throws UserError if the rules refuse it
 */
export function publicProduct(mark: string, now: Date, rules: readonly Rule[], template: string): MarkedProduct {
  const file = template
    .replaceAll("{minute}", digits(now, 12))
    .replaceAll("{second}", digits(now, 14))
    .replaceAll("{mark}", mark);
  const patterns = rules.map(({ accept, reject }) => (accept === undefined ? { reject } : { accept }));
  const isMarked = file.split(":")[0]?.includes(mark) && !file.includes("/");
  if (isMarked && new FileRules(patterns, false).judge(file).accepted) return { mark, site, file, folder: "" };
  throw new UserError(
    "--public-name",
    isMarked ? `px's rules refuse ${file}` : "expected a file name with {mark} before its first colon",
    "give a name that the rules of px's senders (delivery.senders of a public data server) accept, e.g. --public-name '{minute}_{mark}_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::{second}'",
  );
}

function digits(time: Date, count: number): string {
  return time
    .toISOString()
    .replace(/[^0-9]/g, "")
    .slice(0, count);
}
