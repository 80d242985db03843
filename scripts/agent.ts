import { Argument, type Command } from "commander";

interface AgentModule {
  main(argv: readonly string[]): Promise<number>;
}

/** The agents there are. Each is loaded alone: one agent's libraries are no other's. */
const agents: Readonly<Record<string, () => Promise<AgentModule>>> = {
  announcer: () => import("../agents/announcer/main.ts"),
  bridge: () => import("../agents/bridge/main.ts"),
  dispatcher: () => import("../agents/dispatcher/main.ts"),
  puller: () => import("../agents/puller/main.ts"),
  "queue-manager": () => import("../agents/queue-manager/main.ts"),
  receiver: () => import("../agents/receiver/main.ts"),
  sender: () => import("../agents/sender/main.ts"),
  watcher: () => import("../agents/watcher/main.ts"),
};

interface Options {
  readonly config?: string;
  readonly checkConfig?: true;
  readonly logIn?: true;
  readonly export?: true;
  readonly since?: string;
  readonly key?: string;
  readonly printSchema?: true;
}

/** `./warren agent NAME`: one agent in the foreground, against any broker. */
export function define(command: Command): void {
  command
    .addArgument(new Argument("<name>", "which agent").choices(Object.keys(agents)))
    .option("--config <file>", "its config, JSON; agents/NAME/example.json is an annotated one")
    .option("--check-config", "read the config, say what is wrong with it, end")
    .option("--log-in", "sender: log in to the server that it delivers to, say whether that lets it in, end")
    .option("--export", "announcer, dispatcher, puller, watcher: print what its journal has of products, end")
    .option("--since <time>", "with --export: of this time and later, e.g. 2026-12-01T02:30:00Z")
    .option("--key <key>", "with --export: of this product alone, its md5; the watcher's journal has no keys")
    .option("--print-schema", "print the JSON Schema of its config, end")
    .addHelpText(
      "after",
      `
Runs until SIGTERM or Ctrl-C, settles what is in flight, ends. A second signal ends it at once.
Exit codes: 0 ended in order, 1 failed, 2 the config or the command line is wrong.
--export reads only, also while the agent runs, and prints a JSON object a line, the oldest first. The journal is in STATE_DIRECTORY (on hosts
/var/lib/warren/NAME), else in .state beside the config. Events: announced; sent, confirmed, pulled, twin (dispatcher); placed. With --since,
confirmed and pulled are left out: they have no time.

  ./warren agent dispatcher --config agents/dispatcher/example.json --check-config
  ./warren agent puller --print-schema
  ./warren agent dispatcher --config dispatcher.json --export --key a985c32cbdee8af2ab5d7b8f6022e781`,
    )
    .action(async (name: string, options: Options) => {
      const module = await agents[name]?.();
      const code = await module?.main([
        ...(options.config === undefined ? [] : ["--config", options.config]),
        ...(options.checkConfig ? ["--check-config"] : []),
        ...(options.logIn ? ["--log-in"] : []),
        ...(options.export ? ["--export"] : []),
        ...(options.since === undefined ? [] : ["--since", options.since]),
        ...(options.key === undefined ? [] : ["--key", options.key]),
        ...(options.printSchema ? ["--print-schema"] : []),
      ]);
      // The agent is the process: a socket that the broker has not let go of yet keeps nobody waiting.
      process.exit(code ?? 1);
    });
}
