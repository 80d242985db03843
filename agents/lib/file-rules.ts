import * as z from "zod";

/** A regular expression that is matched against a file's name from its start, like `re.match` in the old configs. */
const pattern = z.string().min(1).max(2000).refine(isPattern, "expected a regular expression");

/** `{"accept": PATTERN}` or `{"reject": PATTERN}`: in a list of rules the first one that matches decides. */
export const fileRule = z
  .strictObject({ accept: pattern.optional(), reject: pattern.optional() })
  .refine(
    ({ accept, reject }) => (accept === undefined) !== (reject === undefined),
    "expected either accept or reject, with a pattern",
  );
export type FileRule = z.infer<typeof fileRule>;

/** What the rules decide about one name. */
export interface Verdict {
  readonly accepted: boolean;
  /** The pattern that decided; undefined if none matched. */
  readonly pattern: string | undefined;
  /** The pattern's groups, first one first; for a pattern without groups the whole match. Empty if nothing matched. */
  readonly captures: readonly string[];
}

/** Accept and reject rules in order. */
export class FileRules {
  readonly #rules: readonly { readonly accepts: boolean; readonly expression: RegExp; readonly source: string }[];
  readonly #fallback: boolean;

  /** `fallback`: whether a name that no rule matches is accepted. Sundew's senders refused it, its receivers accepted it. */
  constructor(rules: readonly FileRule[], fallback: boolean) {
    this.#rules = rules.map(({ accept, reject }) => {
      const source = accept ?? reject ?? "";
      return { accepts: accept !== undefined, expression: new RegExp(source, "uy"), source };
    });
    this.#fallback = fallback;
  }

  judge(name: string): Verdict {
    for (const { accepts, expression, source } of this.#rules) {
      expression.lastIndex = 0;
      const match = expression.exec(name);
      if (!match) continue;
      const [whole, ...groups] = match;
      const captures = groups.length === 0 ? [whole] : groups.map((group: string | undefined) => group ?? "");
      return { accepted: accepts, pattern: source, captures };
    }
    return { accepted: this.#fallback, pattern: undefined, captures: [] };
  }
}

/** Number of captures in a match of the pattern: its groups, or 1 for the whole match of a pattern without groups. */
export function capturesOf(source: string): number {
  const groups = (new RegExp(`${source}|`, "u").exec("")?.length ?? 1) - 1;
  return Math.max(1, groups);
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text, "u");
    return true;
  } catch {
    return false;
  }
}
