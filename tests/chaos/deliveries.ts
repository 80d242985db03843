import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pause } from "../../scripts/lib/poll.ts";
import { listNames, type ReceiverFolder } from "../../scripts/traffic/receivers.ts";
import type { DeliveredFile, ProductRecord } from "./evidence.ts";
import { contentOf } from "./products.ts";

export interface DeliveriesOptions {
  readonly folders: readonly ReceiverFolder[];
  /** Common part of the names of this run's files. */
  readonly mark: string;
  /** The copy that a file belongs to; undefined if its product isn't tracked. */
  readonly copyOf: (file: string) => ProductRecord["copies"][number] | undefined;
  readonly onDelivered: (delivered: DeliveredFile) => void;
}

export interface Deliveries {
  /** Rejects when a folder can't be read. */
  readonly failed: Promise<never>;
  /** Scans the folders now. A file that has replaced a reported one is a second delivery. */
  scan(): Promise<void>;
  /** Deletes the files of a product. */
  remove(record: ProductRecord): Promise<void>;
  stop(): Promise<void>;
}

const scanEveryMs = 500;

/** Scans the receiver folders repeatedly, and reports each file once, with the file system's time of its arrival. */
export function watchDeliveries(options: DeliveriesOptions): Deliveries {
  const { folders, mark } = options;
  /** Inode by path: another inode is another file. */
  const reported = new Map<string, number>();
  const stopping = new AbortController();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const report = async (pds: string, file: string, path: string): Promise<void> => {
    // A file that is removed meanwhile has been counted.
    const found = await stat(path).catch(() => undefined);
    if (!found) return;
    reported.set(path, found.ino);
    options.onDelivered({ pds, file, atMs: found.ctimeMs, wrong: await faultOf(path, options.copyOf(file)) });
  };
  const list = async (isNew: (path: string) => boolean | Promise<boolean>): Promise<void> => {
    for (const { pds, file, path } of await listNames(folders, (name) => isWhole(name, mark))) {
      if (await isNew(path)) await report(pds, file, path);
    }
  };
  const isReplaced = async (path: string): Promise<boolean> => {
    const known = reported.get(path);
    return known === undefined || (await stat(path).catch(() => undefined))?.ino !== known;
  };
  // One scan at a time: two would report a file twice.
  let listing: Promise<void> = Promise.resolve();
  const inTurn = (isNew: Parameters<typeof list>[0]): Promise<void> => {
    listing = listing.catch(() => {}).then(() => list(isNew));
    return listing;
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await inTurn((path) => !reported.has(path));
      await pause(scanEveryMs, stopping.signal);
    }
  })().catch((error: Error) => failure.reject(error));
  return {
    failed: failure.promise,
    scan: () => inTurn(isReplaced),
    async remove({ delivered }) {
      for (const { pds, file } of delivered) {
        const directory = folders.find((folder) => folder.pds === pds)?.directory;
        if (directory === undefined) continue;
        const path = join(directory, file);
        await rm(path, { force: true });
        reported.delete(path);
      }
    },
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}

/** Matches final names only: a puller's unfinished file has another name. */
const isWhole = (file: string, mark: string): boolean =>
  /^\d{12}~~/.test(file) && /::\d{14}$/.test(file) && file.includes(mark);

async function faultOf(path: string, copy: ProductRecord["copies"][number] | undefined): Promise<string | undefined> {
  if (!copy) return undefined;
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes) return undefined;
  if (bytes.length !== copy.size) return `${bytes.length} bytes, ${copy.size} on ${copy.urp}`;
  return bytes.equals(contentOf(copy.file, copy.urp, copy.size)) ? undefined : `bytes differ from those on ${copy.urp}`;
}
