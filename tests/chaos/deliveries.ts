import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pause } from "../../scripts/lib/poll.ts";
import { listNames, type ReceiverFolder } from "../../scripts/traffic/receivers.ts";
import type { DeliveredFile, ProductRecord } from "./evidence.ts";
import { contentOf } from "./products.ts";

export interface DeliveriesOptions {
  readonly folders: readonly ReceiverFolder[];
  /** What names of this run's files have in common. */
  readonly mark: string;
  /** Whose copy a file is; undefined where it is of no product in hand. */
  readonly copyOf: (file: string) => ProductRecord["copies"][number] | undefined;
  readonly onDelivered: (delivered: DeliveredFile) => void;
}

export interface Deliveries {
  /** Rejects when a folder can't be read. */
  readonly failed: Promise<never>;
  /** Lists the folders now, and looks whether a file was put in the place of one that was told: it came twice then. */
  look(): Promise<void>;
  /** Deletes the files of a product. */
  remove(record: ProductRecord): Promise<void>;
  stop(): Promise<void>;
}

const lookEveryMs = 500;

/** Looks into the receiver folders again and again, and tells of each file once, with the time at which the kernel says that it came. */
export function watchDeliveries(options: DeliveriesOptions): Deliveries {
  const { folders, mark } = options;
  /** Inodes of files by path: one of another inode is another file. */
  const told = new Map<string, number>();
  const stopping = new AbortController();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const tell = async (pds: string, file: string, path: string): Promise<void> => {
    // Whoever takes files away meanwhile has counted them.
    const found = await stat(path).catch(() => undefined);
    if (!found) return;
    told.set(path, found.ino);
    options.onDelivered({ pds, file, atMs: found.ctimeMs, wrong: await faultOf(path, options.copyOf(file)) });
  };
  const list = async (isNew: (path: string) => boolean | Promise<boolean>): Promise<void> => {
    for (const { pds, file, path } of await listNames(folders, (name) => isWhole(name, mark))) {
      if (await isNew(path)) await tell(pds, file, path);
    }
  };
  const isReplaced = async (path: string): Promise<boolean> => {
    const known = told.get(path);
    return known === undefined || (await stat(path).catch(() => undefined))?.ino !== known;
  };
  // One listing at a time: two would tell of a file twice.
  let listing: Promise<void> = Promise.resolve();
  const inTurn = (isNew: Parameters<typeof list>[0]): Promise<void> => {
    listing = listing.catch(() => {}).then(() => list(isNew));
    return listing;
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await inTurn((path) => !told.has(path));
      await pause(lookEveryMs, stopping.signal);
    }
  })().catch((error: Error) => failure.reject(error));
  return {
    failed: failure.promise,
    look: () => inTurn(isReplaced),
    async remove({ delivered }) {
      for (const { pds, file } of delivered) {
        const directory = folders.find((folder) => folder.pds === pds)?.directory;
        if (directory === undefined) continue;
        const path = join(directory, file);
        await rm(path, { force: true });
        told.delete(path);
      }
    },
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}

/** A puller's unfinished file has another name than the one that it gets in the end. */
const isWhole = (file: string, mark: string): boolean =>
  /^\d{12}~~/.test(file) && /::\d{14}$/.test(file) && file.includes(mark);

async function faultOf(path: string, copy: ProductRecord["copies"][number] | undefined): Promise<string | undefined> {
  if (!copy) return undefined;
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes) return undefined;
  if (bytes.length !== copy.size) return `${bytes.length} bytes, ${copy.size} on ${copy.urp}`;
  return bytes.equals(contentOf(copy.file, copy.urp, copy.size)) ? undefined : `other bytes than on ${copy.urp}`;
}
