import path from "node:path";

/** The root folder of this checkout. */
export const checkout = path.resolve(import.meta.dirname, "../..");

/** Files of this checkout that can be made again: plugins, bundles, the lab's state. Ignored by git. */
export const ownFolder = path.join(checkout, ".warren");

/** The Node of all engine processes, pinned by package-lock.json. */
export const nodeProgram = path.join(checkout, `node_modules/node-linux-${process.arch}/bin/node`);
