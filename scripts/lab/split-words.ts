import { UserError } from "../../agents/lib/errors.ts";

/** Options with a value that says which lab is meant. */
const labOptions: ReadonlySet<string> = new Set(["--name", "--stack", "-s"]);

/**
 * The words before and after the `--` of a verb. Commander drops the `--`, so the raw arguments are read; options that say
 * which lab are no words.
 */
export function splitWords(
  verb: string,
  argv: readonly string[],
  example: string,
): [before: string[], after: string[]] {
  const words = argv.slice(argv.indexOf(verb) + 1);
  const split = words.indexOf("--");
  const before = words
    .slice(0, split)
    .filter((word, at, all) => !word.startsWith("-") && !labOptions.has(all[at - 1] ?? ""));
  const after = words.slice(split + 1);
  if (split >= 0 && before.length > 0 && after.length > 0) return [before, after];
  throw new UserError(`lab ${verb}`, "expected words, `--`, and more words", example);
}
