import { UserError } from "../../agents/lib/errors.ts";

/**
 * The words before and after the `--` of a verb. Commander drops the `--`, so the raw arguments are read; `--name LAB`
 * is no word.
 */
export function splitWords(
  verb: string,
  argv: readonly string[],
  example: string,
): [before: string[], after: string[]] {
  const words = argv.slice(argv.indexOf(verb) + 1);
  const split = words.indexOf("--");
  const before = words.slice(0, split).filter((word, at, all) => !word.startsWith("--") && all[at - 1] !== "--name");
  const after = words.slice(split + 1);
  if (split >= 0 && before.length > 0 && after.length > 0) return [before, after];
  throw new UserError(`lab ${verb}`, "expected words, `--`, and more words", example);
}
