import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import type { Subject } from "./make-core.ts";

/** A bug to seed in a source file of the core. `find` occurs exactly once in the file. */
export interface SourceMutation {
  readonly name: string;
  /** In agents/dispatcher. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const here = dirname(fileURLToPath(import.meta.url));

/** The source text with the bug. Throws if `find` doesn't occur exactly once: the mutation is out of date. */
export function mutate(mutation: SourceMutation, text: string): string {
  const times = text.split(mutation.find).length - 1;
  if (times !== 1) {
    throw new Error(
      `mutation "${mutation.name}": text found ${times} times in ${mutation.file}, expected once: ${mutation.find}`,
    );
  }
  return text.replace(mutation.find, () => mutation.replace);
}

/** The core with the bug, as its own module. */
export async function buildMutant(mutation: SourceMutation): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), "warren-mutant-"));
  let applied = false;
  try {
    const outfile = join(folder, "subject.mjs");
    await build({
      entryPoints: [join(here, "subject.ts")],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "silent",
      plugins: [
        {
          name: "mutation",
          setup(building) {
            building.onLoad({ filter: /agents\/dispatcher\/[^/]+\.ts$/ }, ({ path }) => {
              if (basename(path) !== mutation.file) return undefined;
              applied = true;
              return { contents: mutate(mutation, readFileSync(path, "utf8")), loader: "ts" };
            });
          },
        },
      ],
    });
    if (!applied) throw new Error(`mutation "${mutation.name}": ${mutation.file} is not part of the core`);
    return await import(/* @vite-ignore */ pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
