import { capturesOf } from "../lib/file-rules.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { keyFault } from "./exchange-key.ts";
import { nameFault, nameParts, stampOf } from "./px-name.ts";

const placeholder = /\$\{([^}]*)\}/g;

/** What Sundew's `filename` called names: WHATFN and so on. */
const fileNameParts: Readonly<Record<string, (name: string) => string | undefined>> = {
  WHATFN: (name) => name.split(":")[0],
  HEADFN: (name) => name.split(":")[0]?.split("_").slice(0, 2).join("_"),
  NONE: withoutStamp,
  STAMP: stampOf,
  NAME: (name) => name,
};

const parts = { ...nameParts, ...fileNameParts };

/** The first six fields where the fifth is a priority alone, else five, as `filename NONE` made it; without colons at its end. */
function withoutStamp(name: string): string {
  const fields = name.split(":");
  const kept = fields[4]?.length === 1 ? 6 : 5;
  return fields.slice(0, kept).join(":").replace(/:$/, "");
}

/** What is wrong with a template for names that `accept` matches; undefined where nothing is. */
export function templateFault(template: string, accept: string, key: "directory" | "fileName"): string | undefined {
  const fault = keyFault(template, capturesOf(accept), parts);
  if (fault !== undefined) return fault;
  const fixed = template.replace(placeholder, "x");
  if (key === "fileName") return fixed.includes("/") ? "has a slash: that is for `directory`" : undefined;
  if (fixed.startsWith("/")) return "is absolute: it goes below `root`, say that instead";
  return fixed.split("/").some((word) => word === "." || word === "..") ? `has "." or ".." as a folder` : undefined;
}

/** Fills a template in; bad where the name lacks a part that it asks for. */
export function fillTemplate(template: string, name: string, captures: readonly string[]): Result<string> {
  const missing: string[] = [];
  const filled = template.replace(placeholder, (_, part: string) => {
    const value = /^\d+$/.test(part) ? captures[Number(part)] : parts[part as keyof typeof parts]?.(name);
    if (value === undefined) missing.push(part);
    return value ?? "";
  });
  if (missing.length > 0) return bad(`its name has no ${missing.join(", ")} for the place where it is to go`);
  return nameFault(filled) === undefined ? good(filled) : bad("its place would have a control character");
}
