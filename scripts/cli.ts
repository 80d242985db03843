import { Command } from "commander";
import { fileFault, UserError } from "../agents/lib/errors.ts";
import { verbs } from "./verbs.ts";

/**
 * `./warren VERB …`: one module for each verb, loaded on demand, so that `--help` and small verbs start fast.
 * Exit codes: 0 success; 1 failed; 2 wrong command line or config file, or findings; 130 Ctrl-C.
 */
const program = new Command("warren")
  .description("brokers, virtual IPs and agents of an announcement system, as code")
  .helpCommand(false)
  .option("--version", "print the versions of warren, the engine and Node, and the commit")
  // What follows a verb is the verb's: `./warren pulumi` passes all of it on.
  .enablePositionalOptions()
  .showHelpAfterError("(./warren --help lists the verbs, ./warren VERB --help its options)");

// Before the verbs are added: each copies this from the program when it is added.
program.exitOverride((error) => {
  process.exitCode = error.exitCode === 0 ? 0 : 2;
  throw error;
});

// The reader of our output has closed it (`| head -1`). What runs still has to stop in order and clean up.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

if (process.argv[2] === "--version") {
  const { versionText } = await import("./version.ts");
  process.stdout.write(`${versionText()}\n`);
  process.exit(0);
}

const exitCodes: Readonly<Record<string, number>> = { ConfigError: 2, Interrupted: 130 };

const wanted = process.argv.slice(2).find((word) => !word.startsWith("-"));
for (const verb of verbs) {
  const command = program.command(verb.name).description(verb.summary);
  if (verb.name === wanted) (await verb.load()).define(command);
}

try {
  await program.parseAsync();
} catch (error) {
  const mistake = error instanceof UserError ? error : fileFault(error);
  if (mistake) {
    process.stderr.write(`warren: ${mistake.format()}\n`);
    process.exitCode = exitCodes[mistake.name] ?? 1;
  } else if (!(error instanceof Error && error.constructor.name === "CommanderError")) {
    throw error;
  }
}
