import { quote, rightsOf } from "./command.ts";

/** Of an answer out of somebody's folder. */
export interface Bounds {
  readonly seconds?: number;
  readonly bytes?: number;
}

const usualSeconds = 4;
/** What is asked of thousands of files at once is less than that. */
const usualBytes = 16 * 1024 * 1024;

/**
 * Shell text that asks one program something with the rights of an account alone. Who owns a folder can put a link, a FIFO or an endless file there:
 * nothing is read that the account could not read itself, for a time, and up to so many bytes. The program may come under its owner's hand as it runs, so
 * it gets neither the script, which its standard input would be, nor the answer, to which it could go on writing: another one hands its words on. An
 * empty line ends them, wherever they break off. `root` is asked plainly.
 *
 * @param account has a group of its own name
 */
export function askedAs(
  account: string,
  argv: string,
  { seconds = usualSeconds, bytes = usualBytes }: Bounds = {},
): string {
  if (account === "root") return `${argv} 2>/dev/null`;
  // From a folder that the account may enter: from root's own `find` goes nowhere.
  const rights = ["env", "--chdir=/", ...rightsOf(account)].map(quote).join(" ");
  const asked = `timeout --kill-after=1 ${seconds} ${rights} ${argv} </dev/null 2>/dev/null`;
  return `${asked} | timeout ${seconds + 1} head -c ${bytes}; echo`;
}

/** The same of several programs, as a script. None takes more memory than this, e.g. for a line that doesn't end. */
export const scriptAskedAs = (account: string, script: string, bounds?: Bounds): string =>
  askedAs(account, `sh -c ${quote(`ulimit -v ${memoryKiB}; ${script}`)}`, bounds);

const memoryKiB = 1024 * 1024;

/** Whole lines are shorter than that. */
const lastBytes = 4096;

/**
 * The last line of each plain file among what `find` is given: only the end of a file is read.
 * @param places paths and tests, as shell text
 */
export function lastLines(account: string, places: string): string {
  const each = `for file; do tail -c ${lastBytes} -- "$file" | tail -n 1; echo; done`;
  return askedAs(account, `find ${places} -type f -exec sh -c ${quote(each)} sh '{}' +`, {
    seconds: 2,
    bytes: 64 * lastBytes,
  });
}
