import { lstat, mkdir, readdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { announcementUrl } from "../lib/announcement.ts";
import { syncFolder, writeAtomic } from "../lib/atomic-file.ts";
import { UserError } from "../lib/errors.ts";
import { bad, good, type Result } from "../lib/result.ts";
import type { DeliveryConfig } from "./config.ts";
import { nameBytesMax, type Place } from "./place.ts";
import { priorityLast } from "./px-name.ts";
import type { QueuedFile } from "./queue-folder.ts";

type NotifyConfig = NonNullable<DeliveryConfig["notify"]>;

/** For files without a priority, as in Sundew. */
const priorityUsual = 3;
const partName = /^\.notify-\d+-\d+\.part$/;
/** Writing a file never takes so long: an older part was left by a killed process. */
const partAgeMaxMs = 3_600_000;
/** The folders of priority and hour. */
const foldersDeep = 2;

/**
 * Writes notifications of deliveries into the txq of a sender of type amqp: a file `TREE++NAME`, with dots for the tree's slashes, that
 * contains only the product's URL.
 */
export class Notifications {
  readonly #config: NotifyConfig;
  readonly #syncing = new Map<string, { running: Promise<void>; next: Promise<void> | undefined }>();
  #sequence = 0;

  constructor(config: NotifyConfig) {
    this.#config = config;
  }

  /** Checks that the folder can be used, and removes old parts. @throws UserError if it can't */
  async prepare(): Promise<void> {
    const { queueDirectory } = this.#config;
    try {
      await stat(queueDirectory);
      await readdir(queueDirectory);
      await removeOldParts(queueDirectory, foldersDeep);
    } catch (error) {
      const remedy = `create the folder, owned by this agent's user: install -d -o USER ${queueDirectory}`;
      throw new UserError("notify.queueDirectory", `can't be used: ${(error as Error).message}`, remedy, {
        cause: error,
      });
    }
  }

  /** The notification's name; bad if it is too long for a file name. */
  nameOf({ tree }: Place, { name }: Pick<QueuedFile, "name">): Result<string> {
    const notification = `${tree.replaceAll("/", ".")}++${name}`;
    const bytes = Buffer.byteLength(notification);
    return bytes > nameBytesMax
      ? bad(`the name of its notification would have ${bytes} bytes, at most ${nameBytesMax} fit`)
      : good(notification);
  }

  /** Resolves when it is on disk under its name. Rejects with the disk's error. */
  async write(name: string, { relPath }: Place, { priority }: Pick<QueuedFile, "priority">): Promise<void> {
    const hour = new Date().toISOString().replace(/[-:T]/g, "").slice(0, 10);
    const folder = `${priority === priorityLast ? priorityUsual : priority}/${hour}`;
    const path = join(this.#config.queueDirectory, folder, name);
    const url = announcementUrl({ baseUrl: this.#config.baseUrl, relPath });
    try {
      await this.#write(path, url);
    } catch (error) {
      // The first one of its hour, or the empty folder was removed.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      await this.#makeFolder(dirname(path));
      await this.#write(path, url);
    }
  }

  /** Creates at most two folders and syncs their names. */
  async #makeFolder(folder: string): Promise<void> {
    await stat(this.#config.queueDirectory);
    await mkdir(folder, { recursive: true });
    await this.#sync(dirname(folder));
    await this.#sync(this.#config.queueDirectory);
  }

  async #write(path: string, text: string): Promise<void> {
    this.#sequence += 1;
    const temporary = join(dirname(path), `.notify-${process.pid}-${this.#sequence}.part`);
    await writeAtomic(path, text, { mode: 0o644, temporary, synced: "file" });
    await this.#sync(dirname(path));
  }

  /** One sync covers all files that were renamed before it began. */
  #sync(folder: string): Promise<void> {
    const state = this.#syncing.get(folder) ?? { running: Promise.resolve(), next: undefined };
    this.#syncing.set(folder, state);
    state.next ??= state.running
      .catch(() => {})
      .then(() => {
        state.next = undefined;
        state.running = syncFolder(folder);
        return state.running.finally(() => {
          if (state.next === undefined) this.#syncing.delete(folder);
        });
      });
    return state.next;
  }
}

/** Doesn't follow links. A folder that can't be read has no parts of ours. */
async function removeOldParts(folder: string, depth: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth > 0) await removeOldParts(path, depth - 1);
    else if (partName.test(entry.name) && (await isOld(path))) await unlink(path);
  }
}

async function isOld(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > partAgeMaxMs;
}
