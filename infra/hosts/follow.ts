import { type Connection, lastLine, scriptAsRoot, startSsh } from "./ssh.ts";

/**
 * Tells each line that a script says, as it comes, until the script ends. At the signal its standard input ends, upon which it has to.
 * @param script comes by standard input, which stays open
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
  // What is still to be written when ssh has ended is for nobody.
  child.stdin.on("error", () => {});
  child.stdin.write(script);
  const end = () => child.stdin.end();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  for await (const line of child.iterable()) onLine(String(line));
  const result = await child;
  signal.removeEventListener("abort", end);
  return lastLine(String(result.stderr)) || `ssh ended with ${result.exitCode}`;
}
