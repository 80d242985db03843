import { readdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { Computed, FunctionHandler, Operation, ResourceHandler } from "../lib/handlers.ts";
import type { Shape } from "../lib/shape.ts";
import { assetArchive, isList, type PropertyMap, pathAsset, type Value } from "../lib/values.ts";
import { selectPaths } from "./glob.ts";
import {
  environmentOf,
  lineLog,
  outputShape,
  previousOutputs,
  runShape,
  scriptShape,
  text,
  updateScript,
} from "./inputs.ts";
import { runLocal } from "./local-process.ts";
import { commandFailure } from "./output.ts";
import { newId } from "./remote-command.ts";

const localShape: Shape = {
  ...runShape,
  dir: { type: "string" },
  interpreter: { type: { list: "string" } },
  assetPaths: { type: { list: "string" } },
  archivePaths: { type: { list: "string" } },
};

const localOutputs: { readonly [name: string]: Computed } = {
  ...outputShape,
  assets: { type: { map: "asset" } },
  archive: { type: "archive" },
};

/** `command:local:Command`: scripts on this machine. */
export const localCommand: ResourceHandler = {
  token: "command:local:Command",
  inputs: { ...scriptShape, ...localShape },
  computed: localOutputs,
  async create(inputs, operation) {
    const outputs = await run("create", text(inputs, "create"), inputs, {}, operation);
    return { id: newId(operation.name), outputs };
  },
  update(_id, state, inputs, operation) {
    const what = text(inputs, "update") === undefined ? "create" : "update";
    return run(what, updateScript(inputs), inputs, state, operation);
  },
  async delete(_id, state, operation) {
    const script = text(state, "delete");
    if (script !== undefined) await run("delete", script, state, state, operation);
  },
};

/** `command:local:run`: a command at every run of the program, including previews. */
export const localRun: FunctionHandler = {
  token: "command:local:run",
  inputs: { command: { type: "string", required: true }, ...localShape },
  computed: localOutputs,
  invoke: (inputs, operation) => run("given", text(inputs, "command"), inputs, {}, operation),
};

async function run(
  what: string,
  script: string | undefined,
  inputs: PropertyMap,
  state: PropertyMap,
  operation: Operation,
): Promise<PropertyMap> {
  const { assets, archive } = state;
  const outputs: { [name: string]: Value } = { ...inputs, stdout: state.stdout ?? "", stderr: state.stderr ?? "" };
  if (assets !== undefined) outputs.assets = assets;
  if (archive !== undefined) outputs.archive = archive;
  if (script === undefined) return outputs;

  const folder = text(inputs, "dir") ?? process.cwd();
  const interpreter = texts(inputs.interpreter);
  const result = await runLocal({
    argv: [...(interpreter.length > 0 ? interpreter : ["/bin/sh", "-c"]), script],
    folder,
    environment: Object.fromEntries([...environmentOf(inputs), ...previousOutputs(inputs, state)]),
    stdin: text(inputs, "stdin") ?? "",
    signal: operation.signal,
    onLine: lineLog(inputs, operation),
  });
  if (result.exitCode !== 0) throw commandFailure("on this machine", what, result);
  outputs.stdout = result.stdout;
  outputs.stderr = result.stderr;
  if (isList(inputs.assetPaths)) outputs.assets = await findAssets(folder, texts(inputs.assetPaths));
  if (isList(inputs.archivePaths)) {
    outputs.archive = assetArchive(await findAssets(folder, texts(inputs.archivePaths)));
  }
  return outputs;
}

function texts(value: Value | undefined): readonly string[] {
  return isList(value) ? value.map(String) : [];
}

/** Files below the folder that the globs select, by their paths relative to it. */
async function findAssets(folder: string, globs: readonly string[]): Promise<PropertyMap> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
  return Object.fromEntries(selectPaths(paths, globs).map((path) => [path, pathAsset(resolve(folder, path))]));
}
