import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import type { Rig } from "../rig.ts";
import { describe, inRig } from "../run.ts";
import type { FuzzOptions, FuzzReport } from "../subject.ts";
import { type Input, makeInputs } from "./inputs.ts";
import { Surroundings, unprivileged } from "./surroundings.ts";

/** What an agent has made of the files. */
export interface Outcome {
  /** How many files the agent still has to deal with. */
  waiting(inputs: readonly Input[]): number;
  /** What changes while it works, beside that number and the messages that come. */
  moves?(): unknown;
  /** As it is now. */
  judgement(): Judgement;
}

export interface Judgement {
  /** How often a file came out; of one that must be right, 0 where it isn't. */
  countOf(input: Input): number;
  /** Whether there is a reason why it didn't come out. */
  isRefused(input: Input): boolean;
  /** What is wrong, of no input in particular. */
  readonly faults: readonly string[];
}

/** An agent that reads the files of a folder. */
export interface FileReader {
  readonly name: string;
  readonly summary: string;
  /** The folder that it reads, below the rig's. */
  readonly root: readonly string[];
  /** Below the root: where files are put. */
  readonly folders: readonly string[];
  /** How large sparse files are: an agent that reads them reads so much. */
  readonly largeBytes: number;
  /** Starts the agent. */
  start(rig: Rig, root: string, around: Surroundings): Promise<Outcome>;
}

/** Names of files that are in work: they are passed over, as the config says. */
export const isInWork = (name: string): boolean => name.startsWith(".") || name.endsWith(".tmp");

/** Makes hostile files in the agent's folder, and judges what comes of them. */
export function runFiles(
  { name, root: names, folders, largeBytes, start }: FileReader,
  broker: LocalBroker | undefined,
  options: FuzzOptions,
): Promise<FuzzReport> {
  // A server by SFTP or FTP is this user's.
  const owner = broker ? unprivileged() : undefined;
  const work = async (rig: Rig) => {
    const around = new Surroundings(rig, owner, largeBytes);
    const root = rig.makeFolder(...names);
    around.makeFolders(root, folders);
    around.flip(root);
    const outcome = await start(rig, root, around);
    const inputs = await makeInputs({ root, folders, around }, options);
    const stopped = await rig.until(() => outcome.waiting(inputs), outcome.moves);
    const judgement = outcome.judgement();
    const findings = [...(stopped === undefined ? [] : [stopped]), ...judgement.faults];
    if (!around.isSecretKept) findings.push("takes away a file outside its folder");
    for (const input of inputs) {
      const fault = faultOf(judgement, input);
      if (fault !== undefined) findings.push(`${fault}: ${describe(name, options.seed, input)}`);
    }
    const others = inputs.filter((input) => judgement.countOf(input) === 0);
    // One valid file more than the inputs of the run is behind them.
    const cameOut = inputs.length - others.length - 1;
    return { cameOut, refused: others.filter(judgement.isRefused).length, findings };
  };
  return inRig(name, broker, options, work, owner);
}

function faultOf({ countOf, isRefused }: Judgement, input: Input): string | undefined {
  const count = countOf(input);
  if (input.made === "changing") return undefined;
  if (input.made === "never") return count > 0 ? "comes out" : undefined;
  if (input.isValid) return count === 1 ? undefined : `comes out ${count} times`;
  if (count > 0 || isInWork(input.name) || isRefused(input)) return undefined;
  return "neither comes out nor is refused";
}
