// dispatcher: sr3 "winnow"; was dd_dispatcher.py
import { runAgent } from "../lib/agent-main.ts";
import type { Selection } from "../lib/journal-export.ts";
import { type Config, configSchema } from "./config.ts";
import { journalFolder, startDispatcher } from "./dispatcher.ts";
import { exportSegments } from "./journal-export.ts";

const exportJournal = (_: Config, stateDirectory: string, selection: Selection) =>
  exportSegments(journalFolder(stateDirectory), selection);

/** Runs the dispatcher; resolves to the exit code. */
export function main(argv: readonly string[]): Promise<number> {
  return runAgent({ name: "dispatcher", configSchema, start: startDispatcher, exportJournal }, argv);
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
