import type { Command } from "commander";
import {
  bootHost,
  cutLink,
  fillDisk,
  freeDisk,
  healLink,
  healNetwork,
  killHost,
  netem,
  partition,
  stopHost,
} from "./faults.ts";
import { splitWords } from "./split-words.ts";

/** Options that every lab verb has. */
export interface Named {
  readonly name: string;
}

type DefineVerb = (usage: string, summary: string) => Command;

/** Faults of a single host: a verb each. */
const hostFaults: readonly [verb: string, summary: string, act: (name: string, host: string) => Promise<void>][] = [
  ["cut", "pull a host's network cable", cutLink],
  ["kill", "power a host off at once, as when the plug is pulled", killHost],
  ["stop", "shut a host down in order", stopHost],
  ["boot", "switch a host on and wait until it answers", (name, host) => bootHost(name, host)],
  ["fill", "fill the disk of a host that has one of its own", fillDisk],
  ["free", "undo fill", freeDisk],
];

/** Adds what breaks and mends a lab. */
export function defineFaultVerbs(verb: DefineVerb): void {
  for (const [word, summary, act] of hostFaults) {
    verb(`${word} <host>`, summary).action((host: string, { name }: Named) => act(name, host));
  }

  verb("netem <host>", "a bad line between a host and the others; `heal` mends it")
    .option("--delay-ms <ms>", "what it sends and receives comes late by this", Number, 0)
    .option("--loss-percent <percent>", "this share of it is lost", Number, 0)
    .action((host: string, options: Named & { delayMs: number; lossPercent: number }) =>
      netem(options.name, host, options),
    );

  verb("partition <words...>", "HOST… -- HOST…: hosts of the two sides no longer see each other")
    .usage("[options] HOST… -- HOST…")
    .passThroughOptions()
    .action((_words: string[], { name }: Named) =>
      partition(name, ...splitWords("partition", process.argv, "./warren lab partition bunny1 -- bunny2")),
    );

  verb("heal [host]", "mend a host's line, or, without a host, the whole network").action(
    (host: string | undefined, { name }: Named) => (host === undefined ? healNetwork(name) : healLink(name, host)),
  );
}
