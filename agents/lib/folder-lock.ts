import { spawn } from "node:child_process";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "./errors.ts";

const lockName = "lock";
/** flock's default is 1, which it also exits with for other reasons. */
const conflictExitCode = 75;

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Reserves a folder for this process. The lock is the kernel's (flock(2) on a file in the folder), so it ends with the process,
 * killed or not, and is never stale. Node has no call for it: flock(1) locks the open file that it inherits, which stays locked
 * as long as our descriptor is open.
 *
 * @param remedy what to do if another process has the folder
 * @throws UserError if another process has it, or flock(1) is missing; otherwise the system's error
 */
export async function lockFolder(directory: string, remedy: string): Promise<FolderLock> {
  const path = join(directory, lockName);
  const handle = await open(path, "a", 0o600);
  try {
    if (!(await lock(handle, directory))) {
      const owner = (await readFile(path, "latin1").catch(() => "")).trim();
      throw new UserError(directory, `is in use by another process${owner && ` (${owner})`}`, remedy);
    }
    await writeOwner(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { release: () => handle.close() };
}

/** For the message shown to a second process. Nothing depends on it, so a full disk does not keep the owner out. */
async function writeOwner(handle: FileHandle): Promise<void> {
  try {
    await handle.truncate(0);
    await handle.write(`${process.pid}\n`);
  } catch {}
}

function lock(handle: FileHandle, directory: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const args = ["--exclusive", "--nonblock", "--conflict-exit-code", String(conflictExitCode), "3"];
    const child = spawn("flock", args, { stdio: ["ignore", "ignore", "pipe", handle.fd] });
    let output = "";
    child.stderr?.on("data", (data: Buffer) => {
      output += data.toString();
    });
    child.on("error", (cause) => {
      const remedy = "install the package util-linux";
      reject(new UserError("flock", `can't be run, so ${directory} can't be locked`, remedy, { cause }));
    });
    child.on("close", (code, signal) => {
      if (code === 0 || code === conflictExitCode) resolve(code === 0);
      else reject(new Error(`flock exited with ${signal ?? code}: ${output.trim()}`));
    });
  });
}
