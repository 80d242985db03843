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

/** Where a file has no priority of its own: as Sundew gave to what has none. */
const priorityUsual = 3;
const partName = /^\.notify-\d+-\d+\.part$/;
/** Nobody takes so long for one file: what is older was left by a process that is gone. */
const partAgeMaxMs = 3_600_000;
/** Priority and hour. */
const foldersDeep = 2;

/**
 * Tells the txq of a sender of type amqp what was delivered: a file `TREE++NAME`, the tree's slashes as dots, that holds the product's URL
 * and nothing else.
 */
export class Notifications {
  readonly #config: NotifyConfig;
  readonly #syncing = new Map<string, { running: Promise<void>; next: Promise<void> | undefined }>();
  #sequence = 0;

  constructor(config: NotifyConfig) {
    this.#config = config;
  }

  /** Looks that the folder takes files, and removes parts of old. @throws UserError where it doesn't */
  async prepare(): Promise<void> {
    const { queueDirectory } = this.#config;
    try {
      await stat(queueDirectory);
      await readdir(queueDirectory);
      await removeOldParts(queueDirectory, foldersDeep);
    } catch (error) {
      const remedy = `make the folder, owned by the user who runs this agent: install -d -o USER ${queueDirectory}`;
      throw new UserError("notify.queueDirectory", `can't be used: ${(error as Error).message}`, remedy, {
        cause: error,
      });
    }
  }

  /** The notification's name; bad where no file can be called so. */
  nameOf({ tree }: Place, { name }: Pick<QueuedFile, "name">): Result<string> {
    const told = `${tree.replaceAll("/", ".")}++${name}`;
    const bytes = Buffer.byteLength(told);
    return bytes > nameBytesMax
      ? bad(`the file that tells of it would have a name of ${bytes} bytes, at most ${nameBytesMax} fit`)
      : good(told);
  }

  /** Resolves when it is on disk under its name. Rejects with what the disk says. */
  async write(name: string, { relPath }: Place, { priority }: Pick<QueuedFile, "priority">): Promise<void> {
    const hour = new Date().toISOString().replace(/[-:T]/g, "").slice(0, 10);
    const folder = `${priority === priorityLast ? priorityUsual : priority}/${hour}`;
    const path = join(this.#config.queueDirectory, folder, name);
    const url = announcementUrl({ baseUrl: this.#config.baseUrl, relPath });
    try {
      await this.#write(path, url);
    } catch (error) {
      // The first of its hour; or the folder was taken away as an empty one.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      await this.#makeFolder(dirname(path));
      await this.#write(path, url);
    }
  }

  /** Two folders at the most, and their names on disk. */
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

  /** One sync serves all that was renamed before it began. */
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

/** Links are not followed; what can't be looked into has nothing of ours in it. */
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
