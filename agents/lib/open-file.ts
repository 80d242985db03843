import { constants, readlinkSync, realpathSync } from "node:fs";

/** Does not follow a link that took the name, and does not wait for a pipe. */
export const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Linux's O_PATH, which Node has no name for. */
const pathOnly = 0o10000000;
/** To find out what a file is and where, without reading it. A link is opened itself. */
export const placeFlags = pathOnly | constants.O_NOFOLLOW;

/**
 * Whether an open file is the one at this path, and none of its folders below the root was replaced by a symbolic link: otherwise it would be
 * another folder's file. The system is asked about the open file itself, so there is no race. The root's own path may contain links.
 */
export function isOpenAt(descriptor: number, path: string, root: string): boolean {
  const real = readlinkSync(`/proc/self/fd/${descriptor}`);
  return real === path || real === realpathSync.native(root) + path.slice(root.length);
}
