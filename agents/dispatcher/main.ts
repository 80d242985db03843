// dispatcher: sr3 "winnow"; was dd_dispatcher.py
import { runAgent } from "../lib/agent-main.ts";
import { configSchema } from "./config.ts";
import { startDispatcher } from "./dispatcher.ts";

/** Runs the dispatcher; resolves to the exit code. */
export function main(argv: readonly string[]): Promise<number> {
  return runAgent({ name: "dispatcher", configSchema, start: startDispatcher }, argv);
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
