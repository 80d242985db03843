import type { Command } from "commander";
import { cacheFolder } from "./toolchain/places.ts";
import { ensureToolchain, type Toolchain } from "./toolchain/toolchain.ts";

/** `./warren toolchain`: brings the engine and its plugins, prints which were taken and from where. */
export function define(command: Command): void {
  command
    .option("--json", "print what was taken as JSON")
    .addHelpText(
      "after",
      `
Tried in this order: a pulumi on PATH or in ~/.pulumi; the official download; a build from its Go module (4 minutes, once).
Kept in ${cacheFolder()}; the verbs that need the engine call this by themselves.
WARREN_ENGINE=installed|downloaded|built allows one way only.`,
    )
    .action(async (options: { json?: boolean }) => {
      const toolchain = await ensureToolchain({ again: true });
      process.stdout.write(options.json ? `${JSON.stringify(toolchain, null, 2)}\n` : table(toolchain));
    });
}

function table(toolchain: Toolchain): string {
  const rows = [
    ["engine", toolchain.version, toolchain.origin, toolchain.pulumi],
    ...toolchain.plugins.map(({ name, version, origin, path }) => [name, version, origin, path]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return `${rows.map(line).join("\n")}\n`;
}
