import type { Command } from "commander";
import { formatColumns } from "../lib/table.ts";
import { engineCommand } from "./engine.ts";
import { cacheFolder } from "./places.ts";
import { requireConfig } from "./stack.ts";
import { ensureToolchain, type Toolchain } from "./toolchain/toolchain.ts";

/** `./warren toolchain`: installs the engine and its plugins, and prints which were chosen and from where. */
export function define(command: Command): void {
  command
    .option("--json", "print the result as JSON")
    .option(
      "--env <stack>",
      'print the environment that plain pulumi needs for a stack: eval "$(./warren toolchain --env lab)"',
    )
    .addHelpText(
      "after",
      `
Tries, in this order: a pulumi on PATH or in ~/.pulumi; the official download; a build from its Go module (4 minutes, once).
Kept in ${cacheFolder()}. Verbs that need the engine run this by themselves.
WARREN_ENGINE=installed|downloaded|built allows only one of them.`,
    )
    .action(async (options: { json?: boolean; env?: string }) => {
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
const exported = /^(PATH|NODE_COMPILE_CACHE|GOGC|PULUMI_\w+)$/;

export function exportLines(environment: Readonly<Record<string, string>>): string {
  const entries = Object.entries(environment).filter(([name]) => exported.test(name));
  return entries.map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`).join("");
}
