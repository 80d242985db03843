import { isUtf8 } from "node:buffer";

/** What inotifywait prints for one event with the format below: events, watched folder with a final `/`, name in it. */
export interface InotifyRecord {
  readonly events: ReadonlySet<string>;
  /** The folder as inotifywait has it, ending in `/`; bytes, because a name need not be UTF-8. */
  readonly folder: Buffer;
  /** Empty if the event is about the folder itself. */
  readonly name: Buffer;
}

/**
 * Three fields, each ended by a NUL, no newline. NUL is the only byte that no name contains, so spaces, newlines and bytes
 * outside ASCII need no quoting. Needs `--no-newline` (inotify-tools 3.22, Debian 12, and later).
 */
export const recordFormat = "%e%0%w%0%f%0";
const fieldsPerRecord = 3;

/** Splits inotifywait's output into records; a record cut by the end of a chunk waits for the next one. */
export class RecordReader {
  #rest: Buffer = Buffer.alloc(0);
  #fields: Buffer[] = [];

  /** The records completed by this chunk, in order. */
  read(chunk: Buffer): InotifyRecord[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const records: InotifyRecord[] = [];
    let start = 0;
    for (let end = bytes.indexOf(0, start); end !== -1; end = bytes.indexOf(0, start)) {
      this.#fields.push(bytes.subarray(start, end));
      start = end + 1;
      if (this.#fields.length < fieldsPerRecord) continue;
      const [events, folder, name] = this.#fields;
      this.#fields = [];
      if (events && folder && name) {
        records.push({ events: new Set(events.toString("latin1").split(",")), folder, name });
      }
    }
    // Copied, so that a waiting piece does not keep the whole chunk in memory.
    this.#rest = Buffer.from(bytes.subarray(start));
    this.#fields = this.#fields.map((field) => Buffer.from(field));
    return records;
  }
}

/** The name as text, or undefined if its bytes are not valid UTF-8: such a name can't be in a message or a URL. */
export function nameAsText(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}

/** The inodes that a process watches, from the text of `/proc/PID/fdinfo/FD`: lines `inotify wd:1 ino:998911 sdev:…`. */
export function watchedInodes(fdinfo: string): Set<bigint> {
  const inodes = new Set<bigint>();
  for (const match of fdinfo.matchAll(/^inotify wd:\S+ ino:([0-9a-f]+) /gm)) inodes.add(BigInt(`0x${match[1]}`));
  return inodes;
}
