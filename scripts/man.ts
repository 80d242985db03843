import { Command } from "commander";
import type { Verb, VerbModule } from "./verb.ts";

/** `./warren man`: prints the manual page, in the language of `man`. */
export const manOf = (verbs: readonly Verb[]): VerbModule => ({
  define(command: Command) {
    command
      .addHelpText(
        "after",
        `
Prints the manual page of all verbs, with the same texts as --help.

  ./warren man > warren.1
  man ./warren.1`,
      )
      .action(async () => {
        process.stdout.write(await manualPage(verbs));
      });
  },
});

/** The same verbs give the same page, to the byte. */
export async function manualPage(verbs: readonly Verb[]): Promise<string> {
  const sections: string[] = [];
  for (const { name, summary, load } of verbs) {
    const command = new Command(name).description(summary);
    (await load()).define(command);
    sections.push(...verbSections(command, ""));
  }
  return `${[
    '.TH WARREN 1 "" "warren" "User Commands"',
    // Options and paths are neither stretched nor hyphenated.
    ".ad l",
    ".nh",
    ".SH NAME",
    `warren ${dash} brokers, virtual IPs and agents of an announcement system, as code`,
    ".SH SYNOPSIS",
    ".B warren",
    ".I VERB",
    "[options]",
    ".br",
    ".B warren",
    escaped("--help | --version"),
    ".SH DESCRIPTION",
    "Warren configures plain Debian hosts over SSH with Pulumi, detects and repairs drift, and includes the agents that announce, deduplicate and pull products.",
    "In a checkout the command is",
    ".BR ./warren .",
    ".SH VERBS",
    ...sections,
    ".SH EXIT STATUS",
    "Unless a verb says otherwise:",
    ...[
      ["0", "success"],
      ["1", "failed"],
      ["2", "wrong command line or config file, or findings"],
      ["130", "Ctrl-C"],
    ].flatMap(([code, meaning]) => [".TP", `.B ${code}`, escaped(String(meaning))]),
    ".SH SEE ALSO",
    escaped("The pages in the checkout's folder docs; docs/index.md lists them."),
  ].join("\n")}\n`;
}

const dash = "\\-";

function verbSections(command: Command, before: string): string[] {
  const path = `${before}${command.name()}`;
  const help = command.createHelp();
  const words = command.registeredArguments.map((argument) => help.argumentTerm(argument));
  const usage = command.registeredArguments.map((argument) => {
    const word = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${word}>` : `[${word}]`;
  });
  const entries = [
    ...command.registeredArguments.map((argument, index) => [words[index], help.argumentDescription(argument)]),
    // The engine's verbs leave --help to the engine.
    ...command.options
      .filter(({ hidden }) => !hidden)
      .map((option) => [help.optionTerm(option), help.optionDescription(option)]),
  ];
  return [
    `.SS ${quoted(["warren", path, ...usage].join(" "))}`,
    escaped(sentence(command.description())),
    ...entries.flatMap(([term = "", meaning = ""]) => [".TP", `.B ${quoted(term)}`, escaped(meaning || term)]),
    ...moreHelp(command),
    ...command.commands.flatMap((one) => verbSections(one, `${path} `)),
  ];
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** What `--help` prints below the options: paragraphs as text, and indented lines, such as examples, as they are. */
function moreHelp(command: Command): string[] {
  let shown = "";
  command.configureOutput({
    writeOut: (part) => {
      shown += part;
    },
  });
  command.outputHelp();
  const text = shown.replace(command.helpInformation(), "");
  const blocks = text.trim() === "" ? [] : text.replace(/^\n+|\s+$/g, "").split(/\n{2,}/);
  return blocks.flatMap((block) => {
    const lines = block.split("\n");
    // Lines that are aligned by spaces are a table.
    const isPlain = lines.every((line) => !/^\s|\S {2,}\S/.test(line));
    return isPlain ? [".PP", ...lines.map(escaped)] : [".PP", ".nf", ...lines.map(escaped), ".fi"];
  });
}

/** Text for roff: backslashes and hyphens are themselves, and no line is a request. */
function escaped(text: string): string {
  const plain = text.replaceAll("\\", "\\e").replaceAll("-", dash).replaceAll("`", "\\(ga");
  return plain.replace(/^(?=[.'])/gm, "\\&");
}

const quoted = (text: string): string => `"${escaped(text).replaceAll('"', '""')}"`;
