import { Argument, Command } from "commander";
import type { Verb, VerbModule } from "./verb.ts";

const shells = ["bash", "zsh"] as const;

type Shell = (typeof shells)[number];

/** `./warren completion SHELL`: prints a script for a shell's completion of verbs, their options, and stacks. */
export const completionOf = (verbs: readonly Verb[]): VerbModule => ({
  define(command: Command) {
    command
      .addArgument(new Argument("<shell>").choices(shells))
      .addHelpText(
        "after",
        `
Prints a script. A shell that sources it completes the verbs, options and stacks of \`warren\` and \`./warren\`:

  source <(./warren completion bash)     # in ~/.bashrc, with the path of the checkout
  source <(./warren completion zsh)

Exit codes: 0 printed, 2 unknown shell.`,
      )
      .action(async (shell: Shell) => {
        process.stdout.write(completionScript(shell, await wordsByVerb(verbs)));
      });
  },
});

/** The words that can follow a verb: `lab ssh` -> its options. The key "" has the verbs. */
export type WordsByVerb = ReadonlyMap<string, readonly string[]>;

/** From the verbs' own definitions, so nothing can be missing. */
export async function wordsByVerb(verbs: readonly Verb[]): Promise<WordsByVerb> {
  const found = new Map<string, readonly string[]>([["", ["--help", "--version", ...verbs.map(({ name }) => name)]]]);
  for (const verb of verbs) {
    const command = new Command(verb.name);
    (await verb.load()).define(command);
    add(found, verb.name, command);
  }
  return found;
}

function add(found: Map<string, readonly string[]>, path: string, command: Command): void {
  const options = command.options.filter(({ hidden }) => !hidden).map(({ long, short }) => long ?? short ?? "");
  found.set(path, ["--help", ...options, ...command.commands.map((one) => one.name())]);
  for (const one of command.commands) add(found, `${path} ${one.name()}`, one);
}

/**
 * zsh reads bash's functions after `bashcompinit`; there, a variable named `path` would be PATH. A file can have any name, so names of stacks do not go
 * through `compgen -W`, which runs what is in `$(…)`.
 */
export function completionScript(shell: Shell, words: WordsByVerb): string {
  const cases = [...words].map(([verb, all]) => `  "${verb}") words="${all.join(" ")}" ;;`);
  const verbs = [...words.keys()].filter((verb) => verb !== "").map((verb) => `"${verb}"`);
  return `${shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : ""}_warren() {
  local at verb= words= file program stack
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  case "$previous" in
  -s|--stack)
    program=\${COMP_WORDS[0]}
    case "$program" in "~/"*) program=$HOME/\${program#??} ;; esac
    program=$(command -v -- "$program") && program=$(readlink -f -- "$program") || return
    for file in "\${program%/*}"/stacks/Pulumi.*.yaml; do
      stack=\${file##*/Pulumi.}
      stack=\${stack%.yaml}
      case "$stack" in "$current"*) [ -f "$file" ] && COMPREPLY+=("$stack") ;; esac
    done
    return
    ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${verb:+$verb }\${COMP_WORDS[at]}" in
    ${verbs.join("|")}) verb="\${verb:+$verb }\${COMP_WORDS[at]}" ;;
    esac
  done
  case "$verb" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _warren warren ./warren
`;
}
