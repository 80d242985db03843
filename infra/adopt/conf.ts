/** One `key = value` of a sysctl-style file. */
export interface ConfEntry {
  readonly key: string;
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
}

interface ConfText {
  readonly entries: readonly ConfEntry[];
  /** Lines that are neither an entry, nor a comment, nor blank. */
  readonly strange: readonly { readonly line: number; readonly text: string }[];
}

/**
 * Parses `rabbitmq.conf`: a key, `=`, a value up to the end of the line. `#` starts a comment at the start of a line or after a blank, except in a
 * value in single quotes.
 */
export function parseConf(text: string): ConfText {
  const entries: ConfEntry[] = [];
  const strange: { line: number; text: string }[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const trimmed = raw.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const quoted = /^([\w.$*-]+)\s*=\s*'([^']*)'\s*(?:#.*)?$/.exec(trimmed);
    const found = quoted ?? /^([\w.$*-]+)\s*=\s*(.*?)(?:\s+#.*)?$/.exec(trimmed);
    if (found) entries.push({ key: found[1] ?? "", value: found[2] ?? "", line });
    else strange.push({ line, text: trimmed });
  }
  return { entries, strange };
}
