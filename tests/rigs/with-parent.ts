import { existsSync } from "node:fs";

/** Of util-linux, which every Debian host has. */
const setpriv = "/usr/bin/setpriv";

/** The command, to which the kernel sends a SIGTERM when this process dies, in any way. The pid is the command's own. */
export function endingWithParent(argv: readonly string[]): [command: string, ...args: string[]] {
  const [command = "", ...args] = existsSync(setpriv) ? [setpriv, "--pdeathsig", "TERM", "--", ...argv] : argv;
  return [command, ...args];
}
