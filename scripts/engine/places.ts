import { homedir } from "node:os";
import path from "node:path";

/** The root folder of this checkout. */
export const checkout = path.resolve(import.meta.dirname, "../..");

/** Files of this checkout that can be made again: plugins, bundles, the lab's state. Ignored by git. */
export const ownFolder = path.join(checkout, ".warren");

/** The Node of all engine processes, pinned by package-lock.json. */
export const nodeProgram = path.join(checkout, `node_modules/node-linux-${process.arch}/bin/node`);

/** Shared by all checkouts of one user: engines, downloads. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(environment.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "warren");
}
