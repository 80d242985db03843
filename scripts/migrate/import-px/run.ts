import { join, resolve } from "node:path";
import { readAtMost } from "../../../agents/lib/bounded-file.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import { exists, writeFileAtomic } from "../../lib/files.ts";
import { type Agent, type Imported, importFile } from "./import.ts";
import { configText, exitCodeOf, formatImport, jsonOf, pathsOf } from "./report.ts";
import { stackOf, stackText } from "./stack.ts";

export interface ImportPxOptions {
  readonly as?: Agent;
  readonly root: string;
  readonly metricsPort: number;
  readonly output?: string;
  readonly force?: true;
  readonly json?: true;
  readonly stack?: true;
}

/** Standard output and standard error. */
export interface Print {
  out(text: string): void;
  err(text: string): void;
}

/**
 * Imports files one by one, writes or prints the configs, and prints what was not expressed.
 * @returns the exit code: 0 everything is expressed, 1 a file could not be imported, 2 imported, but something is missing or not expressed
 * @throws UserError where a name is given twice, or a file would be overwritten
 */
export async function importPx(files: readonly string[], options: ImportPxOptions, print: Print): Promise<0 | 1 | 2> {
  const all: Imported[] = [];
  for (const [index, file] of files.entries()) {
    const metricsPort = options.metricsPort + index;
    all.push(await importFile(file, { agent: options.as, root: options.root, metricsPort }, readConfFile));
  }
  requireOwnNames(all);
  if (options.stack) return printStack(all, print);
  if (options.output !== undefined) await writeAll(all, options.output, options.force ?? false, print);
  else if (!options.json) for (const each of all) if (each.config) print.out(configText(each));
  if (options.json) print.out(`${JSON.stringify(all.map(jsonOf), null, 2)}\n`);
  else print.err(formatImport(all));
  return exitCodeOf(all);
}

/** Without the sections where a file could not be imported: they would look complete. */
function printStack(all: readonly Imported[], print: Print): 0 | 1 | 2 {
  const stack = stackOf(all);
  const code = exitCodeOf(all, stack.findings);
  if (code !== 1)
    print.out(
      stackText(
        stack,
        all.map(({ file }) => file),
      ),
    );
  print.err(formatImport(all, stack.findings));
  return code;
}

/** Bytes. The largest known file had some ten kilobytes. */
const confBytesMax = 4 * 1024 * 1024;
const readConfFile = async (path: string) => readAtMost(path, confBytesMax);

/** Two agents of one name would share a queue and send each other's files. */
function requireOwnNames(all: readonly Imported[]): void {
  const seen = new Map<string, string>();
  for (const { file, name, agent } of all) {
    const before = seen.get(`${agent} ${name}`);
    if (before !== undefined) {
      throw new UserError(file, `is the ${agent ?? "file"} ${name}, as ${before} is`, "give each name once");
    }
    seen.set(`${agent} ${name}`, file);
  }
}

async function writeAll(all: readonly Imported[], folder: string, force: boolean, print: Print): Promise<void> {
  const made = all.filter(({ config }) => config !== undefined);
  for (const each of made) {
    const { config, password } = pathsOf(each);
    for (const path of [config, ...(each.password === undefined ? [] : [password])]) {
      if (force || !(await exists(join(folder, path)))) continue;
      throw new UserError(
        join(folder, path),
        "already exists",
        "choose another --output, or overwrite it with --force",
      );
    }
  }
  for (const each of made) {
    const paths = pathsOf(each);
    await writeFileAtomic(resolve(folder, paths.config), configText(each));
    if (each.password !== undefined)
      await writeFileAtomic(resolve(folder, paths.password), `${each.password}\n`, 0o600);
    print.err(`wrote ${join(folder, paths.config)}\n`);
  }
}
