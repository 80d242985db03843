import { existsSync } from "node:fs";

/** Of util-linux, which every Debian host has. */
const setpriv = "/usr/bin/setpriv";

/** The command, to which the kernel sends this signal when this process dies, in any way. The pid is the command's own. */
export function endingWithParent(
  argv: readonly string[],
  signal: "TERM" | "KILL" = "TERM",
): [command: string, ...args: string[]] {
  const [command = "", ...args] = existsSync(setpriv) ? [setpriv, "--pdeathsig", signal, "--", ...argv] : argv;
  return [command, ...args];
}
