// auditor: no counterpart in sr3.
import { type AgentContext, runAgent } from "../lib/agent-main.ts";
import { Auditor } from "./auditor.ts";
import { type Config, configSchema } from "./config.ts";

const start = async (context: AgentContext<Config>) => new Auditor(context);

/** Runs the auditor; resolves to the exit code. */
export const main = (argv: readonly string[]) => runAgent({ name: "auditor", configSchema, start }, argv);
if (import.meta.main) process.exit(await main(process.argv.slice(2)));
