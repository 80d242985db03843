import { homedir } from "node:os";
import path from "node:path";

/** The checkout that this file belongs to. */
export const checkout = path.resolve(import.meta.dirname, "../..");

/** What belongs to this checkout alone and can be made again: plugins, bundles, the lab's state. Ignored by git. */
export const ownFolder = path.join(checkout, ".warren");

/** The Node that every process of the engine runs with: the one that package-lock.json pins. */
export const nodeProgram = path.join(checkout, "node_modules/node/bin/node");

/** What all checkouts of one user share: engines, downloads. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(environment.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "warren");
}
