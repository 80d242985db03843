import type { spawn } from "node:child_process";
import { $ } from "zx/core";
import { type Connection, startScript } from "./ssh.ts";

/**
 * zx's `$` with a host for its shell, and root for its user. What it is given is a script already: `render` of a command quotes, since zx's own quoting
 * makes text of a value before it sees it. What was begun gets to its end, also at a terminal's Ctrl-C. Apart from `ssh.ts`, so that only what acts on hosts
 * loads zx.
 *
 * @param timeoutMs until ssh is ended
 * @returns a `$` that resolves whatever becomes of the script; its output is the host's
 */
export const shellOf = (connection: Connection, timeoutMs: number) =>
  $({
    ...{ nothrow: true, quiet: true, prefix: "", postfix: "", quote: (script: string) => script },
    // zx's own `timeout` looks for children with ps(1) and a shell; node's ends ssh alone.
    spawn: ((script: string) => startScript(connection, script, timeoutMs)) as typeof spawn,
  });
