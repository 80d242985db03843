/**
 * Whether RabbitMQ's regular expression finds something in a name. The broker's are PCRE; where JavaScript can't read one, undefined:
 * `unreadable-expression` tells of it.
 */
export function matches(expression: string, name: string): boolean | undefined {
  try {
    return new RegExp(expression).test(name);
  } catch {
    return undefined;
  }
}

/** Names that a permission's expression allows. The empty one allows none: the broker reads it as `$^`. */
export const permitted = (expression: string, names: readonly string[]): string[] =>
  expression === "" ? [] : names.filter((name) => matches(expression, name) === true);

/** Alternatives outside of any group: `^a|b(c|d)` has two. */
export function alternatives(expression: string): string[] {
  const parts = [""];
  let depth = 0;
  let inClass = false;
  for (const [token] of expression.matchAll(/\\.|[\s\S]/g)) {
    if (token === "[") inClass = true;
    else if (token === "]") inClass = false;
    else if (token === "(" && !inClass) depth += 1;
    else if (token === ")" && !inClass) depth -= 1;
    if (token === "|" && depth === 0 && !inClass) parts.push("");
    else parts[parts.length - 1] += token;
  }
  return parts;
}

/** Everything, or nothing: there is no name that an anchor would keep out. */
export const isPlain = (expression: string): boolean => ["", ".*", "^.*$", "^.*", ".*$", "^$"].includes(expression);

export const beginsAnchored = (alternative: string): boolean => /^(\^|\\A)/.test(alternative);
export const endsAnchored = (alternative: string): boolean =>
  /(^|[^\\])(\\\\)*\$$/.test(alternative) || /\\[zZ]$/.test(alternative);
