import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";
import { cachedFolder } from "../../scripts/lib/files.ts";

const run = promisify(execFile);

const python = "python3";
/** A Python with modules from PyPI. */
export interface PythonInstallation {
  readonly python: string;
  /** For `PYTHONPATH`. */
  readonly modules: string;
}

/** Files of requirements beside this one. */
const requirementFiles = { sr3: "requirements.txt", "pywis-pubsub": "pywis-pubsub.txt" } as const;

/**
 * A program from PyPI by pip, versions and hashes as in its file, in the user's cache, once for each version of Python. Nothing is
 * installed into Python's own folders. Takes 10 s the first time; safe for several processes at once.
 *
 * @throws UserError if there is no pip, or if it can't download the packages
 */
export async function installPython(program: keyof typeof requirementFiles): Promise<PythonInstallation> {
  const requirements = path.join(import.meta.dirname, requirementFiles[program]);
  const { stdout } = await run(python, ["-c", "import sys; print(sys.implementation.cache_tag)"]).catch(refuse);
  const wanted = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex")
    .slice(0, 12);
  const modules = await cachedFolder(`${program}-${stdout.trim()}-${wanted}`, async (folder) => {
    const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    await run(python, ["-m", "pip", "install", ...options, "--target", folder, "-r", requirements]).catch(refuse);
  });
  return { python, modules };
}

function refuse(error: Error & { stderr?: string }): never {
  const reason = error.stderr?.trim().split("\n").at(-1) || error.message;
  const remedy = "apt-get install python3-pip, and allow connections to PyPI or set PIP_INDEX_URL to a mirror";
  throw new UserError("python3", `pip can't install a test's program: ${reason}`, remedy, { cause: error });
}
