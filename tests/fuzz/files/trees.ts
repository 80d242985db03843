import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { codecV00 } from "../../../agents/lib/codec-v00.ts";
import { codecV02 } from "../../../agents/lib/codec-v02.ts";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { validCount } from "../seeds.ts";
import type { FuzzOptions, FuzzReport } from "../subject.ts";
import { describe, type Input, makeInputs, putValid } from "./inputs.ts";
import { FileRig, type Heard, secretBytes } from "./rig.ts";

/** An agent that announces a tree of files. */
export interface TreeAgent {
  readonly name: string;
  readonly summary: string;
  /** A path below the folder `root` of the rig that is its tree. */
  readonly tree: string;
  /** How large sparse files are: an agent that reads them reads so much. */
  readonly largeBytes: number;
  config(rig: FileRig): object;
  /** Path below the tree, size and md5 of the content where it says so. Undefined where it is none. */
  parse(message: Heard): Announced | undefined;
}

export interface Announced {
  readonly path: string;
  readonly sizeBytes: number;
  readonly md5?: string;
}

const exchange = (agent: string) => `fuzz.${agent}`;
const md5 = (content: Buffer) => createHash("md5").update(content).digest("hex");

export const announcerTree: TreeAgent = {
  name: "announcer",
  summary: "hostile files in the tree of products",
  tree: "root",
  // It asks for the size alone.
  largeBytes: 8 * 1024 ** 4,
  config: (rig) => ({
    ...{ broker: rig.brokerSettings, exchange: exchange("announcer"), rootDirectory: join(rig.folder, "root") },
    ...{ baseUrl: "http://urp-1/", settleMs: 50, emptySettleMs: 100 },
  }),
  parse({ body, headers }) {
    const read = codecV00.parse({ body, headers });
    if (!read.ok) return undefined;
    const { relPath, sizeBytes = -1 } = read.value;
    return { path: relPath.slice("db/".length), sizeBytes };
  },
};

export const watcherTree: TreeAgent = {
  name: "watcher",
  summary: "hostile files in a watched tree",
  tree: "root/tree",
  largeBytes: 128 * 1024 ** 2,
  config: (rig) => ({
    ...{ broker: rig.brokerSettings, exchange: exchange("watcher"), rootDirectory: join(rig.folder, "root") },
    ...{
      trees: ["tree"],
      baseUrl: "http://dd1/",
      formats: ["v02"],
      settleMs: 50,
      emptySettleMs: 100,
      foundSettleMs: 100,
    },
  }),
  parse({ body, headers }) {
    const read = codecV02.parse({ body, headers });
    if (!read.ok) return undefined;
    const { relPath, sizeBytes = -1, sum } = read.value;
    return { path: relPath.slice("tree/".length), sizeBytes, md5: sum?.value ?? "" };
  },
};

/** Makes hostile files in an agent's tree, and judges what it says of them. */
export async function runTree(agent: TreeAgent, broker: LocalBroker, options: FuzzOptions): Promise<FuzzReport> {
  const beganMs = performance.now();
  const rig = new FileRig(agent.name, broker, agent.largeBytes);
  try {
    const root = rig.makeFolder(...agent.tree.split("/"));
    const folders = ["a", "a/b", "RADAR", "é è"].map((name) => {
      rig.makeFolder(...agent.tree.split("/"), ...name.split("/"));
      writeFileSync(join(root, name, rig.around.nameInUse), "in use");
      return name;
    });
    const heard = new Map<string, Announced[]>();
    const findings: string[] = [];
    await rig.hear(exchange(agent.name), (message) => {
      const announced = agent.parse(message);
      if (!announced) findings.push(`sends what nobody can read: ${JSON.stringify(message.body.toString())}`);
      else heard.set(announced.path, [...(heard.get(announced.path) ?? []), announced]);
    });
    rig.flip(root);
    await rig.start(agent.name, agent.config(rig));
    const rules = {
      ...{ subject: agent.name, root, folders, around: rig.around },
      validName: (index: number) => `valid-${index}:URP:XSS:RADAR:GIF::20130606144709`,
    };
    const inputs = await makeInputs(rules, options);
    // After all of them one more: what came before is behind it.
    inputs.push(putValid(rules, options.count * 50));
    const refusals = new Refusals(rig, root, agent.tree);
    const isSettled = (input: Input) => isHeard(heard, input) || refusals.has(input);
    await rig.until(() => inputs.every((input) => input.made !== "file" || isSettled(input)), options.signal);
    if (rig.endFault !== undefined) findings.push(`${rig.endFault} (seed ${options.seed})`);
    for (const input of inputs) {
      const fault = faultOf(refusals, heard, input);
      if (fault !== undefined) findings.push(`${fault}: ${describe(agent.name, options.seed, input)}`);
    }
    for (const { path, sizeBytes, md5: sum } of [...heard.values()].flat()) {
      if (sizeBytes !== secretBytes && sum !== md5(Buffer.alloc(secretBytes, "secret "))) continue;
      findings.push(`announces a file outside its tree as ${JSON.stringify(path)} (seed ${options.seed})`);
    }
    const { seed, count, only } = options;
    return {
      ...{ subject: agent.name, seed, count: only === undefined ? count : 1, valid: validCount(options) },
      cameOut: inputs.filter((input) => isHeard(heard, input)).length - 1,
      refused: inputs.filter((input) => !isHeard(heard, input) && refusals.has(input)).length,
      seconds: (performance.now() - beganMs) / 1000,
      findings,
    };
  } finally {
    await rig.cleanup.run();
  }
}

const isHeard = (heard: ReadonlyMap<string, readonly Announced[]>, { path, content }: Input): boolean =>
  heard.get(path)?.some(({ sizeBytes }) => sizeBytes === content.length) ?? false;

/** Paths that the agent's log has a reason for, below its tree; told with and without what is above. */
class Refusals {
  readonly #rig: FileRig;
  readonly #above: readonly string[];
  readonly #paths = new Set<string>();
  #read = 0;

  constructor(rig: FileRig, root: string, tree: string) {
    this.#rig = rig;
    this.#above = [`${root}/`, `${tree.split("/").at(-1)}/`];
  }

  /** Names in work are passed over, as the config says; all else is in the log. */
  has({ name, path }: Input): boolean {
    const text = name.toString();
    if (text.startsWith(".") || text.endsWith(".tmp")) return true;
    for (const { path: told } of this.#rig.agent.lines.slice(this.#read)) {
      this.#read += 1;
      if (typeof told !== "string") continue;
      const above = this.#above.find((folder) => told.startsWith(folder)) ?? "";
      this.#paths.add(told.slice(above.length));
    }
    return this.#paths.has(path);
  }
}

function faultOf(
  refusals: Refusals,
  heard: ReadonlyMap<string, readonly Announced[]>,
  input: Input,
): string | undefined {
  const found = heard.get(input.path) ?? [];
  if (input.made === "never") return found.length > 0 ? "is announced" : undefined;
  if (input.made === "changing") return undefined;
  if (!isHeard(heard, input))
    return refusals.has(input) && !input.isValid ? undefined : "is neither announced nor refused";
  if (!input.isValid) return undefined;
  if (found.length > 1) return `is announced ${found.length} times`;
  const sum = found[0]?.md5;
  return sum === undefined || sum === md5(input.content) ? undefined : "is announced with another md5";
}
