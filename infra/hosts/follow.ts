import { type Connection, lastLine, scriptAsRoot, startSsh } from "./ssh.ts";

/**
 * Runs a script and passes on each line of its output as it comes, until the script ends. The signal closes its standard input, upon which the
 * script has to exit.
 * @param script goes by standard input, which stays open
 * @returns why it ended
 */
export async function follow(
  connection: Connection,
  script: string,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<string> {
  const child = startSsh(connection, scriptAsRoot(connection), {
    stdin: "pipe",
    reject: false,
    buffer: { stdout: false, stderr: true },
  });
  // Input that is still to be written when ssh has exited is of no use.
  child.stdin.on("error", () => {});
  child.stdin.write(script);
  const end = () => child.stdin.end();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  for await (const line of child.iterable()) onLine(String(line));
  const result = await child;
  signal.removeEventListener("abort", end);
  return lastLine(String(result.stderr)) || `ssh exited with code ${result.exitCode}`;
}
