import { Command } from "commander";
import { verbs } from "../../scripts/verbs.ts";

/** Options of the engine that the pages use behind verbs that pass on what they don't know; the engine's own test is readme.lab.test.ts. */
const engineOptions = new Set(["--expect-no-changes", "--stack", "-s", "--secret", "--path"]);

/**
 * Reads a command line with the verbs' own definitions, and does nothing of it.
 * @returns what is wrong with it; undefined where `./warren` takes it
 */
export async function refusal(words: readonly string[]): Promise<string | undefined> {
  const [name = "", ...rest] = words;
  if (name === "--help" || name === "VERB") return undefined;
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

/** `exec HOST… -- COMMAND…`: what follows the hosts is another program's. */
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
