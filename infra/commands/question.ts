import { quote, rightsOf } from "./command.ts";

/** Limits of an answer from a folder of another account. */
export interface Bounds {
  readonly seconds?: number;
  readonly bytes?: number;
}

const usualSeconds = 4;
/** An answer about thousands of files is smaller. */
const usualBytes = 16 * 1024 * 1024;

/**
 * Shell text that runs one program with the rights of an account. The owner of a folder can put a link, a FIFO or an endless file there, so the
 * program reads nothing that the account could not read itself, and is limited in time and bytes. The account may take control of the program
 * while it runs. So its standard input is not the script, and its standard output is not the answer itself: another process forwards it. An
 * empty line ends the output, wherever it breaks off. As `root` the program runs without these limits.
 *
 * @param account has a group of its own name
 */
export function askedAs(
  account: string,
  argv: string,
  { seconds = usualSeconds, bytes = usualBytes }: Bounds = {},
): string {
  if (account === "root") return `${argv} 2>/dev/null`;
  // In a folder that the account may enter: `find` fails in root's home.
  const rights = ["env", "--chdir=/", ...rightsOf(account)].map(quote).join(" ");
  const asked = `timeout --kill-after=1 ${seconds} ${rights} ${argv} </dev/null 2>/dev/null`;
  return `${asked} | timeout ${seconds + 1} head -c ${bytes}; echo`;
}

/** `askedAs` for a script of several programs. Memory is limited as well, e.g. for a line that doesn't end. */
export const scriptAskedAs = (account: string, script: string, bounds?: Bounds): string =>
  askedAs(account, `sh -c ${quote(`ulimit -v ${memoryKiB}; ${script}`)}`, bounds);

const memoryKiB = 1024 * 1024;

/** Complete lines are shorter. */
const lastBytes = 4096;

/**
 * The last line of each plain file that `find` matches. Only the end of a file is read.
 * @param places paths and tests, as shell text
 */
export function lastLines(account: string, places: string): string {
  const each = `for file; do tail -c ${lastBytes} -- "$file" | tail -n 1; echo; done`;
  return askedAs(account, `find ${places} -type f -exec sh -c ${quote(each)} sh '{}' +`, {
    seconds: 2,
    bytes: 64 * lastBytes,
  });
}
