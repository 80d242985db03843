import type { spawn } from "node:child_process";
import { $ } from "zx/core";
import { type Connection, startScript } from "./ssh.ts";

/**
 * zx's `$` with root's shell on a host. It expects a complete script: `render` quotes commands, because zx's own quoting would turn their values
 * into text first. A started script finishes even at a terminal's Ctrl-C. Separate from `ssh.ts`, so that only modules that act on hosts load zx.
 *
 * @param timeoutMs until ssh is terminated
 * @returns a `$` that resolves whatever the script's outcome; its output is the host's
 */
export const shellOf = (connection: Connection, timeoutMs: number) =>
  $({
    ...{ nothrow: true, quiet: true, prefix: "", postfix: "", quote: (script: string) => script },
    // zx's own `timeout` searches for child processes with ps(1) and a shell; node's terminates only ssh.
    spawn: ((script: string) => startScript(connection, script, timeoutMs)) as typeof spawn,
  });
