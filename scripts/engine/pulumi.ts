import type { Command } from "commander";
import { becomePulumi } from "./engine.ts";

/** `./warren pulumi ARGS…`: the engine itself, with backend, passphrase file and PATH set. */
export function define(command: Command): void {
  command
    .argument("[arguments...]", "passed on to the engine unchanged")
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .passThroughOptions()
    .action(async (words: string[]) => {
      await becomePulumi(words);
    });
}
