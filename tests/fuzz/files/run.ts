import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import type { Rig } from "../rig.ts";
import { describe, inRig } from "../run.ts";
import type { FuzzOptions, FuzzReport } from "../subject.ts";
import { type Input, makeInputs } from "./inputs.ts";
import { Surroundings, unprivileged } from "./surroundings.ts";

/** An agent's progress and results. */
export interface Outcome {
  /** The number of files that the agent has not processed yet. */
  waiting(inputs: readonly Input[]): number;
  /** Changes while the agent works, besides that number and the collected messages. */
  moves?(): unknown;
  /** The results so far. */
  judgement(): Judgement;
}

export interface Judgement {
  /** How often a file came out; 0 if it came out wrong although it must be right. */
  countOf(input: Input): number;
  /** Whether the agent gave a reason why it didn't come out. */
  isRefused(input: Input): boolean;
  /** Problems without a particular input. */
  readonly faults: readonly string[];
}

/** An agent that reads the files of a folder. */
export interface FileReader {
  readonly name: string;
  readonly summary: string;
  /** The folder that the agent reads, below the rig's. */
  readonly root: readonly string[];
  /** Folders below the root for the input files. */
  readonly folders: readonly string[];
  /** Size of sparse files: an agent that reads contents reads this much. */
  readonly largeBytes: number;
  /** Starts the agent. */
  start(rig: Rig, root: string, around: Surroundings): Promise<Outcome>;
}

/** Names of files that are still being written: the agents' configs skip them. */
export const isTemporary = (name: string): boolean => name.startsWith(".") || name.endsWith(".tmp");

/** Makes hostile files in the agent's folder, and judges the results. */
export function runFiles(
  { name, root: names, folders, largeBytes, start }: FileReader,
  broker: LocalBroker | undefined,
  options: FuzzOptions,
): Promise<FuzzReport> {
  // The SFTP and FTP servers run as this user.
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
    if (!around.isSecretKept) findings.push("removed a file outside its folder");
    for (const input of inputs) {
      const fault = faultOf(judgement, input);
      if (fault !== undefined) findings.push(`${fault}: ${describe(name, options.seed, input)}`);
    }
    const others = inputs.filter((input) => judgement.countOf(input) === 0);
    // The last valid file is not an input of the run.
    const cameOut = inputs.length - others.length - 1;
    return { cameOut, refused: others.filter(judgement.isRefused).length, findings };
  };
  return inRig(name, broker, options, work, owner);
}

function faultOf({ countOf, isRefused }: Judgement, input: Input): string | undefined {
  const count = countOf(input);
  if (input.made === "changing") return undefined;
  if (input.made === "never") return count > 0 ? "came out" : undefined;
  if (input.isValid) return count === 1 ? undefined : `came out ${count} times`;
  if (count > 0 || isTemporary(input.name) || isRefused(input)) return undefined;
  return "neither came out nor was refused";
}
