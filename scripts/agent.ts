import { Argument, type Command } from "commander";

interface AgentModule {
  main(argv: readonly string[]): Promise<number>;
}

/** All agents. Each is loaded alone, without the libraries of the others. */
const agents: Readonly<Record<string, () => Promise<AgentModule>>> = {
  announcer: () => import("../agents/announcer/main.ts"),
  auditor: () => import("../agents/auditor/main.ts"),
  bridge: () => import("../agents/bridge/main.ts"),
  dispatcher: () => import("../agents/dispatcher/main.ts"),
  monitor: () => import("../agents/monitor/main.ts"),
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
    .option("--config <file>", "its config as JSON; agents/NAME/example.json is an annotated example")
    .option("--check-config", "check the config, print its errors, exit")
    .option("--log-in", "sender: log in to the delivery server, report the result, exit")
    .option("--export", "announcer, dispatcher, puller, watcher: print the products in its journal, exit")
    .option("--since <time>", "with --export: from this time on, e.g. 2026-12-01T02:30:00Z")
    .option("--key <key>", "with --export: only this product, by its md5; the watcher's journal has no keys")
    .option("--print-schema", "print the JSON Schema of its config, exit")
    .addHelpText(
      "after",
      `
Runs until SIGTERM or Ctrl-C, settles what is in flight, and exits. A second signal stops it at once.
Exit codes: 0 stopped in order, 1 failed, 2 wrong config or command line.
--export only reads, also while the agent runs, and prints one JSON object per line, oldest first. The journal is in STATE_DIRECTORY (on hosts
/var/lib/warren/NAME), else in .state/AGENT/CONFIG beside the config. Events: announced; sent, confirmed, pulled, twin (dispatcher); placed. With --since,
confirmed and pulled are left out, as they carry no time.

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
      // The agent is the whole process: exit without waiting for sockets that the broker has not closed yet.
      process.exit(code ?? 1);
    });
}
