import type { Command } from "commander";
import type { StackConfig } from "../../infra/config/index.ts";
import { forgetVariable, fullVariable } from "../../infra/model/names.ts";
import { requireTerminal } from "../lib/confirm.ts";
import { acceptNewHostsOption } from "../lib/options.ts";
import { becomePulumi, ensureStack, runPulumi } from "./engine.ts";
import { requireConfig, wasUpdated } from "./stack.ts";
import { isSummarized } from "./summary.ts";
import { freeEngine } from "./toolchain/engine-lock.ts";
import { ensureToolchain } from "./toolchain/toolchain.ts";

/** An operation of the engine on one stack, with a short command line. */
export interface Operation {
  readonly name: "up" | "preview" | "destroy";
  /** The engine asks before it changes something, unless `--yes` is given. */
  readonly asks: boolean;
  /** The stack is created where it does not exist. */
  readonly create: boolean;
  /** Compares the state's broker objects with the real ones, for brokers that answer. */
  readonly refreshes: boolean;
  /** Arguments added with `--yes`. */
  readonly withYes: readonly string[];
  readonly examples: readonly string[];
}

interface Options {
  readonly stack: string;
  readonly yes?: boolean;
  readonly full?: boolean;
  readonly forget?: readonly string[];
  readonly acceptNewHosts?: boolean;
}

const forgetting = (hosts: readonly string[] | undefined): Record<string, string> =>
  hosts === undefined ? {} : { [forgetVariable]: hosts.join(",") };

export function defineOperation(command: Command, operation: Operation): void {
  command
    .requiredOption("-s, --stack <stack>", "the stack: stacks/Pulumi.STACK.yaml is its config")
    .argument("[arguments...]", `more arguments of pulumi ${operation.name}, passed on`)
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText("after", `\n${operation.examples.map((example) => `  ${example}`).join("\n")}`);
  if (operation.asks) command.option("-y, --yes", "don't ask; required without a terminal");
  if (operation.name === "up") command.option(...acceptNewHostsOption);
  if (operation.create) command.option("--full", "show all differences of files, not only a screenful");
  if (operation.name !== "destroy") {
    command.option(
      "--forget <host>",
      "forget a host that you took out of the stack file and that can't be reached; what is on it stays; repeatable",
      (host: string, before: string[] = []) => [...before, host],
    );
  }
  command.action(async (words: string[], options: Options) => {
    requireConfig(options.stack);
    if (operation.asks) requireTerminal(operation.name, options.yes);
    if (operation.asks) await lockStack(options.stack, operation.name);
    const toolchain = await ensureToolchain();
    // A killed engine leaves its own lock on the state.
    if (operation.asks) {
      await freeEngine({ stack: options.stack, toolchain, signal: new AbortController().signal, say });
    }
    if (operation.create) await ensureStack(options.stack, { toolchain });
    const official = toolchain.plugins.some(({ name, origin }) => name === "rabbitmq" && origin === "official");
    // Loaded on demand: the config's modules take a tenth of a second.
    const refresh = operation.refreshes
      ? await (await import("./refresh.ts")).refreshFlagsOf(options.stack, words, { readsBeforeRuns: !official })
      : [];
    if (operation.name === "up") await prepareHosts(options);
    const args = operationArguments(operation, { ...options, words, refresh });
    const env = { ...(options.full ? { [fullVariable]: "1" } : {}), ...forgetting(options.forget) };
    const how = { stack: options.stack, toolchain, env };
    if (isSummarized(args, process.stdout.isTTY === true)) process.exitCode = await runPulumi(args, how);
    else await becomePulumi(args, how);
  });
}

/** The lock is held as long as this process exists, which becomes the engine or waits for it. Loaded on demand, as few verbs need it. */
async function lockStack(stack: string, verb: string): Promise<void> {
  const { acquireStackLock } = await import("./stack-lock.ts");
  await acquireStackLock({ stack, verb, endsWithProcess: true, say });
}

/** Milliseconds: this process becomes the engine, so nobody could end the silence. An `up` of a running stack takes a few minutes. */
const upMs = 15 * 60_000;

/** Asks about new hosts, and silences tickets, unless no `up` has made the stack's monitor yet. */
async function prepareHosts({ stack, acceptNewHosts: accept }: Options): Promise<void> {
  const { readCommittedConfig } = await import("./stack-config.ts");
  let config: StackConfig;
  try {
    config = readCommittedConfig(stack);
  } catch {
    // The engine's program reports what is wrong with the file.
    return;
  }
  const { confirmNewHosts } = await import("./new-hosts.ts");
  await confirmNewHosts({ stack, verb: "up", accept, config });
  if (wasUpdated(stack) === false) return;
  const { silenceTickets } = await import("./silences.ts");
  await silenceTickets({ stack, config, hosts: Object.keys(config.hosts), verb: "up", forMs: upMs, say });
}

const say = (text: string): void => void process.stderr.write(`warren: ${text}\n`);

/** The engine's command line for an operation. Other verbs start the same operation with it. */
export function operationArguments(
  operation: Pick<Operation, "name" | "withYes">,
  options: {
    readonly stack: string;
    readonly yes?: boolean;
    readonly words?: readonly string[];
    readonly refresh?: readonly string[];
  },
): string[] {
  const words = options.words ?? [];
  const unless = (flag: string) => !words.some((word) => word === flag || word.startsWith(`${flag}=`));
  const flags = [...(options.refresh ?? []), ...(options.yes ? ["--yes", ...operation.withYes] : [])].filter(unless);
  return [operation.name, "--stack", options.stack, ...flags, ...words];
}
