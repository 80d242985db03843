import { realpathSync } from "node:fs";
import { join } from "node:path";
import { type FileFacts, type Scan, type ScanRules, scan } from "../lib/scan.ts";
import { findRoot, inspectPath, type PathState } from "../lib/tree.ts";
import { TreeWatch, type TreeWatchHandlers } from "../lib/tree-watch.ts";
import type { Config } from "./config.ts";
import { type Digest, digestFile, type WantedFacts } from "./digest.ts";

export interface TreesOptions {
  readonly config: Pick<Config, "rootDirectory" | "trees" | "inotifywaitCommand" | "wis">;
  readonly stateDirectory: string;
}

interface Tree {
  readonly name: string;
  /** Without symbolic links, as in the paths that inotifywait prints. */
  readonly root: string;
  readonly barrierFolder: string;
  /** Undefined before the start. */
  watch: TreeWatch | undefined;
}

/** All watched trees. Each has its own inotifywait, so that a gap in one doesn't cause a scan of the others. */
export class Trees {
  readonly #command: string;
  readonly #trees: readonly Tree[];
  readonly #wanted: WantedFacts;

  /** @throws UserError for a tree that is not a folder */
  constructor({ config, stateDirectory }: TreesOptions) {
    this.#command = config.inotifywaitCommand;
    this.#wanted = { sha512: config.wis !== undefined, content: config.wis?.embedContent === true };
    this.#trees = config.trees.map((name, index) => {
      const root = findRoot(join(config.rootDirectory, name), stateDirectory, "trees");
      return { name, root, barrierFolder: join(realpathSync(stateDirectory), `barrier-${index}`), watch: undefined };
    });
  }

  /**
   * Resolves when all trees are watched and each was reported as a gap. Rejects with a problem and its remedy. Handlers get paths
   * relative to the document root: the tree's name comes first.
   */
  async start(handlersOf: (tree: string) => TreeWatchHandlers): Promise<void> {
    for (const tree of this.#trees) {
      const { name, root, barrierFolder } = tree;
      const handlers = below(name, handlersOf(name));
      tree.watch = new TreeWatch({ root, barrierFolder, command: this.#command, handlers });
    }
    await Promise.all(this.#trees.map(({ watch }) => watch?.start()));
  }

  get watching(): boolean {
    return this.#trees.every(({ watch }) => watch?.watching);
  }

  stop(): void {
    for (const { watch } of this.#trees) watch?.stop();
  }

  digest(path: string, facts: FileFacts): Promise<Digest> {
    const { tree, inner } = this.#locate(path);
    return digestFile(`${tree.root}/${inner}`, facts, tree.root, this.#wanted);
  }

  look(path: string): PathState {
    const { tree, inner } = this.#locate(path);
    return inspectPath(tree.root, inner);
  }

  /** Scans a tree, or a folder in one. If a scanned folder turns out not to be watched, the watch restarts and reports a gap. */
  async scan(folder: string, rules: ScanRules): Promise<Scan> {
    const { tree, inner } = this.#locate(folder);
    const prefix = `${tree.name}/`;
    const found = await scan(tree.root, inner, { ...rules, wanted: (path) => rules.wanted(prefix + path) });
    tree.watch?.covers(found.folders);
    return {
      files: found.files.map((file) => ({ ...file, path: prefix + file.path })),
      folders: found.folders,
      undecodable: found.undecodable.map((name) => prefix + name),
      unreadable: found.unreadable.map(({ path, reason }) => ({ path: prefix + path, reason })),
      tooDeep: found.tooDeep.map((name) => prefix + name),
      irregularCount: found.irregularCount,
    };
  }

  #locate(path: string): { readonly tree: Tree; readonly inner: string } {
    for (const tree of this.#trees) {
      if (path === tree.name) return { tree, inner: "" };
      if (path.startsWith(`${tree.name}/`)) return { tree, inner: path.slice(tree.name.length + 1) };
    }
    throw new Error(`not in any tree: ${path}`);
  }
}

/** The handlers of one tree: they put its name before every path. */
function below(tree: string, handlers: TreeWatchHandlers): TreeWatchHandlers {
  const { modified } = handlers;
  return {
    arrived: (path, how) => handlers.arrived(`${tree}/${path}`, how),
    ...(modified ? { modified: (path: string) => modified(`${tree}/${path}`) } : {}),
    appeared: (folder) => handlers.appeared(`${tree}/${folder}`),
    gap: (reason) => handlers.gap(reason),
    undecodable: (name) => handlers.undecodable(name),
    trouble: (error) => handlers.trouble(error),
    recovered: () => handlers.recovered(),
  };
}
