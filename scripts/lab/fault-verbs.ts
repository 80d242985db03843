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

/** Faults of a single host, one verb each. */
const hostFaults: readonly [verb: string, summary: string, act: (name: string, host: string) => Promise<void>][] = [
  ["cut", "pull a host's network cable", cutLink],
  ["kill", "power a host off at once, like pulling the plug", killHost],
  ["stop", "shut a host down cleanly", stopHost],
  ["boot", "start a host and wait until it answers", (name, host) => bootHost(name, host)],
  ["fill", "fill the disk of a host that has its own", fillDisk],
  ["free", "undo fill", freeDisk],
];

/** Adds the verbs that break and repair a lab. */
export function defineFaultVerbs(verb: DefineVerb): void {
  for (const [word, summary, act] of hostFaults) {
    verb(`${word} <host>`, summary).action((host: string, { name }: Named) => act(name, host));
  }

  verb("netem <host>", "make a host's network slow or lossy; `heal` undoes it")
    .option("--delay-ms <ms>", "delay of each packet, in each direction", Number, 0)
    .option("--loss-percent <percent>", "share of packets lost", Number, 0)
    .action((host: string, options: Named & { delayMs: number; lossPercent: number }) =>
      netem(options.name, host, options),
    );

  verb("partition <words...>", "HOST… -- HOST…: cut the network between two groups of hosts")
    .usage("[options] HOST… -- HOST…")
    .passThroughOptions()
    .action((_words: string[], { name }: Named) =>
      partition(name, ...splitWords("partition", process.argv, "./warren lab partition bunny1 -- bunny2")),
    );

  verb("heal [host]", "undo the network faults of a host, or of all hosts").action(
    (host: string | undefined, { name }: Named) => (host === undefined ? healNetwork(name) : healLink(name, host)),
  );
}
