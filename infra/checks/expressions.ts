/** Whether RabbitMQ's regular expression (PCRE) matches within a name; undefined where JavaScript can't read it (`unreadable-expression`). */
export function matches(expression: string, name: string): boolean | undefined {
  try {
    return new RegExp(expression).test(name);
  } catch {
    return undefined;
  }
}

/** Names that a permission's expression allows. An empty expression allows none: the broker reads it as `$^`. */
export const permitted = (expression: string, names: readonly string[]): string[] =>
  expression === "" ? [] : names.filter((name) => matches(expression, name) === true);

/** Top-level alternatives: `^a|b(c|d)` has two. */
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

/** Expressions for everything or for nothing, to which an anchor adds nothing. */
export const isPlain = (expression: string): boolean => ["", ".*", "^.*$", "^.*", ".*$", "^$"].includes(expression);

export const beginsAnchored = (alternative: string): boolean => /^(\^|\\A)/.test(alternative);
export const endsAnchored = (alternative: string): boolean =>
  /(^|[^\\])(\\\\)*\$$/.test(alternative) || /\\[zZ]$/.test(alternative);
