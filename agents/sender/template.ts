import { capturesOf } from "../lib/file-rules.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { keyFault } from "./exchange-key.ts";
import { nameFault, nameParts, stampOf } from "./px-name.ts";

const placeholder = /\$\{([^}]*)\}/g;

/** The name forms of Sundew's `filename`: WHATFN and so on. */
const fileNameParts: Readonly<Record<string, (name: string) => string | undefined>> = {
  WHATFN: (name) => name.split(":")[0],
  HEADFN: (name) => name.split(":")[0]?.split("_").slice(0, 2).join("_"),
  NONE: withoutStamp,
  STAMP: stampOf,
  NAME: (name) => name,
};

const parts = { ...nameParts, ...fileNameParts };

/** The first six fields if the fifth is only a priority, else five, like `filename NONE`; without a trailing colon. */
function withoutStamp(name: string): string {
  const fields = name.split(":");
  const kept = fields[4]?.length === 1 ? 6 : 5;
  return fields.slice(0, kept).join(":").replace(/:$/, "");
}

/** The problem of a template for names that `accept` matches; undefined if there is none. */
export function templateFault(template: string, accept: string, key: "directory" | "fileName"): string | undefined {
  const fault = keyFault(template, capturesOf(accept), parts);
  if (fault !== undefined) return fault;
  const fixed = template.replace(placeholder, "x");
  if (key === "fileName") return fixed.includes("/") ? "has a slash: directories belong in `directory`" : undefined;
  if (fixed.startsWith("/")) return "is absolute: expected a path below `root`";
  return fixed.split("/").some((word) => word === "." || word === "..") ? `has "." or ".." as a folder` : undefined;
}

/** Fills in a template; bad if the name lacks one of its parts. */
export function fillTemplate(template: string, name: string, captures: readonly string[]): Result<string> {
  const missing: string[] = [];
  const filled = template.replace(placeholder, (_, part: string) => {
    const value = /^\d+$/.test(part) ? captures[Number(part)] : parts[part as keyof typeof parts]?.(name);
    if (value === undefined) missing.push(part);
    return value ?? "";
  });
  if (missing.length > 0) return bad(`its name has no ${missing.join(", ")} for its path on the server`);
  return nameFault(filled) === undefined ? good(filled) : bad("its path would have a control character");
}
