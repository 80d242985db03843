import { Command } from "commander";
import { verbs } from "../../scripts/verbs.ts";

/** The engine's options on the pages, for verbs that pass unknown options on to it. readme.lab.test.ts runs the engine itself. */
const engineOptions = new Set(["--expect-no-changes", "--stack", "-s", "--secret", "--path"]);

/**
 * Parses a command line with the verbs' own definitions, and runs nothing.
 * @returns what is wrong with it; undefined if `./warren` accepts it
 */
export async function refusal(words: readonly string[]): Promise<string | undefined> {
  const [name = "", ...rest] = words;
  if (["--help", "--version", "VERB"].includes(name)) return undefined;
  const verb = verbs.find((one) => one.name === name);
  if (!verb) return `no verb ${name}`;
  const command = new Command(name).exitOverride().configureOutput({ writeErr: () => {} });
  (await verb.load()).define(command);
  try {
    return refusedBy(command, rest);
  } catch (error) {
    return (error as Error).message;
  }
}

function refusedBy(command: Command, words: readonly string[]): string | undefined {
  if (words[0] === "--help") return undefined;
  const { operands, unknown } = command.parseOptions([...words]);
  const inner = command.commands.find((one) => one.name() === operands[0]);
  if (inner) return refusedBy(inner.exitOverride(), [...operands.slice(1), ...unknown]);
  if (command.commands.length > 0 && operands.length > 0) return `no ${command.name()} ${operands[0]}`;

  const passesOn = ["up", "preview", "destroy", "pulumi"].includes(command.name());
  const options = unknown.filter((word) => word.startsWith("-") && word !== "--");
  const strange = options.find((word) => (passesOn ? !engineOptions.has(word) : !takesAll(command)));
  if (strange) return `unknown option ${strange}`;
  const missing = command.options.find(
    (option) => option.mandatory && command.getOptionValue(option.attributeName()) === undefined,
  );
  if (missing) return `${missing.flags} is missing`;
  return refusedArguments(command, operands.length > 0 ? operands : unknown);
}

/** `exec HOST… -- COMMAND…`: the words after the hosts belong to another program. */
const takesAll = (command: Command): boolean => command.registeredArguments.some((argument) => argument.variadic);

function refusedArguments(command: Command, given: readonly string[]): string | undefined {
  const wanted = command.registeredArguments;
  if (!takesAll(command) && given.length > wanted.length) return `unexpected ${given[wanted.length]}`;
  for (const [index, argument] of wanted.entries()) {
    const value = given[index];
    if (value === undefined && argument.required) return `${argument.name()} is missing`;
    if (value !== undefined && argument.argChoices && !argument.argChoices.includes(value)) {
      return `${value} is not one of ${argument.argChoices.join(", ")}`;
    }
  }
  return undefined;
}
