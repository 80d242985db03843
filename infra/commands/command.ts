/**
 * Host commands as values: built here, quoted by one renderer, executed elsewhere. They never contain secrets, which go by standard input, so
 * rendered commands may be logged.
 */
export type Command =
  | { readonly kind: "run"; readonly argv: readonly string[]; readonly output?: string }
  | { readonly kind: "join"; readonly by: "&&" | "||" | ";"; readonly commands: readonly Command[] }
  | { readonly kind: "not"; readonly command: Command }
  | { readonly kind: "noted"; readonly notes: readonly string[]; readonly command: Command };

/** One program with its arguments, exactly as given. */
export const run = (...argv: readonly string[]): Command => ({ kind: "run", argv });

/** Redirects standard output of a program to a file or the null device. */
export const to = (output: string, command: Command): Command => {
  if (command.kind !== "run") throw new TypeError("only one program can write to a file");
  return { ...command, output };
};

/** Runs each command only if the previous one succeeds. */
export const and = (...commands: readonly Command[]): Command => ({ kind: "join", by: "&&", commands });

/** Runs each command only if the previous one fails. */
export const or = (...commands: readonly Command[]): Command => ({ kind: "join", by: "||", commands });

/** Runs each command whatever the previous one's outcome. The last exit code counts. */
export const always = (...commands: readonly Command[]): Command => ({ kind: "join", by: ";", commands });

/** Succeeds if the command fails. */
export const not = (command: Command): Command => ({ kind: "not", command });

/** Comment lines before a command: why it runs again, what it depends on. A changed note changes the script. */
export const noted = (notes: readonly string[], command: Command): Command => ({ kind: "noted", notes, command });

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** Quotes a word so that a POSIX shell reads it unchanged. */
export function quote(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The command as POSIX shell text. */
export function render(command: Command): string {
  switch (command.kind) {
    case "run": {
      const words = command.argv.map(quote);
      if (command.output !== undefined) words.push(`>${quote(command.output)}`);
      return words.join(" ");
    }
    case "join":
      return command.commands
        .map((part) => (part.kind === "run" ? render(part) : `{ ${render(part)}; }`))
        .join(command.by === ";" ? "; " : ` ${command.by} `);
    case "not":
      return `! { ${render(command.command)}; }`;
    case "noted":
      return [...command.notes.map((note) => `# ${note.replaceAll(/[\r\n]+/g, " ")}`), render(command.command)].join(
        "\n",
      );
  }
}

/**
 * The command with the rights of an account and its groups only. Below a folder that others can write to, a name may lead elsewhere by the
 * time a command uses it; it must not lead anywhere that the owner of the folder could not go. `root` changes nothing.
 *
 * @param account has a group of its own name
 */
export function as(account: string, command: Command): Command {
  if (account === "root") return command;
  return run(...rightsOf(account), "sh", "-c", render(command));
}

/** The start of an argv that runs a program with the rights of an account and its groups only. */
export const rightsOf = (account: string): readonly string[] => [
  "setpriv",
  `--reuid=${account}`,
  `--regid=${account}`,
  "--init-groups",
];

/** Fails with a message on standard error. Not for use within `as`, because only root can open standard error. */
export const refuse = (text: string): Command => always(to("/dev/stderr", run("printf", "%s\\n", text)), run("false"));

/**
 * The command as root with a time limit, because a command that hangs on a host can't be cancelled from here.
 *
 * @param user the login of the connection; any user but root needs sudo without a password
 */
export function asRoot(user: string, timeoutSeconds: number, command: Command): Command {
  const notes = command.kind === "noted" ? command.notes : [];
  const body = command.kind === "noted" ? command.command : command;
  const shell = run("timeout", "--kill-after=5", String(timeoutSeconds), "sh", "-c", render(body));
  if (shell.kind !== "run") return shell;
  return noted(notes, user === "root" ? shell : run("sudo", "-n", ...shell.argv));
}
