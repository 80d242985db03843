import type { Command } from "commander";

/** A verb's module: `define` adds its options, arguments, help and action to the command. */
export interface VerbModule {
  define(command: Command): void;
}

/** One row of `./warren --help`. */
export interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<VerbModule>;
}
