import { type Command, Option } from "commander";
import { engineCommand } from "./engine/engine.ts";
import { requireConfig } from "./engine/stack.ts";
import { ensureToolchain, type Toolchain } from "./engine/toolchain/toolchain.ts";
import { cacheFolder } from "./lib/files.ts";
import { formatColumns } from "./lib/table.ts";
import type { CleanFlags } from "./toolchain/clean.ts";

interface Flags extends CleanFlags {
  readonly env?: string;
  readonly clean?: true;
}

/** `./warren toolchain`: installs the engine and its plugins, and prints which were chosen and from where. `--clean` frees disk space. */
export function define(command: Command): void {
  command
    .option("--json", "print the result as JSON")
    .option(
      "--env <stack>",
      'print the environment that plain pulumi needs for a stack: eval "$(./warren toolchain --env lab)"',
    )
    .addOption(
      new Option("--clean", "show what warren keeps on this machine, and free disk space; installs nothing").conflicts(
        "env",
      ),
    )
    .option("-y, --yes", "with --clean: don't ask for confirmation; required without a terminal")
    .addHelpText(
      "after",
      `
Tries, in this order: a pulumi on PATH or in ~/.pulumi; the official download; a build from its Go module (4 minutes, once).
Kept in ${cacheFolder()}. Verbs that need the engine run this by themselves.
WARREN_ENGINE=installed|downloaded|built allows only one of them.

--clean prints a table of the files that warren keeps there and in this checkout's .warren. Then it asks, and removes those that the next run makes
again or that are no longer needed. It never removes states, passphrases, keys, certificates, backups or files of a lab that is up. With --json it
does not ask, and removes only with --yes.
Exit codes: 0 done, or nothing to remove; 1 failed, or not confirmed; 2 the command line is invalid; 130 Ctrl-C.

  ./warren toolchain --json
  ./warren toolchain --clean
  ./warren toolchain --clean --json       # shows only
  ./warren toolchain --clean --yes`,
    )
    .action(async (options: Flags) => {
      if (options.clean) {
        const { clean } = await import("./toolchain/clean.ts");
        return clean(options);
      }
      const toolchain = await ensureToolchain({ again: true });
      if (options.env !== undefined) {
        requireConfig(options.env);
        const { env } = await engineCommand([], { stack: options.env, toolchain });
        process.stdout.write(exportLines(env));
        return;
      }
      process.stdout.write(options.json ? `${JSON.stringify(toolchain, null, 2)}\n` : table(toolchain));
    });
}

function table(toolchain: Toolchain): string {
  const rows = [
    ["engine", toolchain.version, toolchain.origin, toolchain.pulumi],
    ...toolchain.plugins.map(({ name, version, origin, path }) => [name, version, origin, path]),
  ];
  return `${formatColumns(rows)}\n`;
}

/** What plain pulumi can't know by itself, including what the launcher has set for us but not for the user's shell. */
const exported = /^(PATH|NODE_COMPILE_CACHE|GOGC|GOMEMLIMIT|WARREN_LOCKS|PULUMI_\w+)$/;

export function exportLines(environment: Readonly<Record<string, string>>): string {
  const entries = Object.entries(environment).filter(([name]) => exported.test(name));
  return entries.map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`).join("");
}
