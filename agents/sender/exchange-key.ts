import { bad, good, type Result } from "../lib/result.ts";
import { escapeWord, routingKeyBytesMax } from "../lib/topics.ts";
import { nameFault, nameParts } from "./px-name.ts";

const placeholder = /\$\{([^}]*)\}/g;

/**
 * The problem of an `exchangeKey`, or of a template with other parts; undefined if there is none. `captures` is the smallest number of
 * captures in any accepting pattern.
 */
export function keyFault(
  template: string,
  captures: number,
  parts: Readonly<Record<string, unknown>> = nameParts,
): string | undefined {
  for (const [, name = ""] of template.matchAll(placeholder)) {
    if (/^\d{1,3}$/.test(name)) {
      if (Number(name) >= captures) {
        const pattern = captures === 0 ? "no pattern accepts anything" : `an accepting pattern has only ${captures}`;
        return `\${${name}} is capture ${Number(name) + 1}, but ${pattern}`;
      }
    } else if (!Object.hasOwn(parts, name)) {
      return `\${${name}} is neither a capture nor one of ${Object.keys(parts).join(", ")}`;
    }
  }
  if (template.replace(placeholder, "").includes("$")) return `has a "$" that starts no \${…}`;
  return nameFault(template) ? "has a control character" : undefined;
}

/**
 * The routing key of a file: `${0}` is the first capture of the pattern that accepted its name, `${CCCC}` and the like are parts of the
 * name. Dots in a capture stay: they separate the folders of a tree. `*`, `#` and `%` are escaped as in all topics. Empty words of the
 * template and trailing dots are dropped.
 */
export function formatKey(template: string, name: string, captures: readonly string[]): Result<string> {
  const missing: string[] = [];
  const replaced = template
    .split(".")
    .filter((word) => word !== "")
    .map((word) =>
      word.replace(placeholder, (_, part: string) => {
        const value = /^\d+$/.test(part) ? captures[Number(part)] : nameParts[part]?.(name);
        if (value === undefined) missing.push(part);
        return (value ?? "").split(".").map(escapeWord).join(".");
      }),
    )
    .join(".")
    .replace(/\.+$/, "");
  if (missing.length > 0) return bad(`its name has no ${missing.join(", ")} for the routing key`);
  if (nameFault(replaced)) return bad("its routing key would have a control character");
  const bytes = Buffer.byteLength(replaced);
  if (bytes > routingKeyBytesMax) {
    return bad(`its routing key would have ${bytes} bytes, at most ${routingKeyBytesMax} fit`);
  }
  return good(replaced);
}
