import { constants, readlinkSync, realpathSync } from "node:fs";

/** Neither a link that took the name is followed, nor a pipe waited for. */
export const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Linux's O_PATH, which Node has no name for. */
const pathOnly = 0o10000000;
/** To ask of a file what it is and where, without reading it. A link is opened itself. */
export const placeFlags = pathOnly | constants.O_NOFOLLOW;

/**
 * Whether an open file is the one of this path, and none of its folders below the root was replaced by a symbolic link: then it would be another
 * folder's file. The system tells of the open file itself, so there is no moment in between. The root may be reached by a link.
 */
export function isOpenAt(descriptor: number, path: string, root: string): boolean {
  const real = readlinkSync(`/proc/self/fd/${descriptor}`);
  return real === path || real === realpathSync.native(root) + path.slice(root.length);
}
