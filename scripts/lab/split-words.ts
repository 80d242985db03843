import { UserError } from "../../agents/lib/errors.ts";

/** Options with a value that select the lab. */
const labOptions: ReadonlySet<string> = new Set(["--name", "--stack", "-s"]);

/**
 * The arguments before and after the `--` of a verb. Commander drops the `--`, so this reads the raw arguments, without the
 * options that select the lab.
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
  throw new UserError(`lab ${verb}`, "expected arguments, `--`, and more arguments", example);
}
