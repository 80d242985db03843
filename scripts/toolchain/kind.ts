import path from "node:path";
import { ageMs, isTemporary, maybeInUseMs } from "../lib/files.ts";
import { lockHolder } from "../lib/machine-lock.ts";
import { diskUsage, namesIn } from "./folders.ts";

/** `free`: the next run makes it again, or it is no longer needed. */
export type Use = "in use" | "kept" | "free";

/** A file, link or folder that warren keeps. */
export interface Thing {
  readonly place: string;
  readonly use: Use;
  /** The machine's lock of the processes that make or use it; it is held during the removal. */
  readonly lock?: string;
}

/** One kind of things that warren keeps, e.g. base images. */
export interface Kind {
  readonly what: string;
  /** The cache folder, or the checkout's own. Nothing outside it is removed. */
  readonly root: string;
  /** The folder that it is in. */
  readonly where: string;
  /** What is there now. Files that two things share are counted with the first. */
  things(): Promise<Thing[]>;
}

/** Makes the kinds of one root: each is in a folder of it. */
export const kindsIn =
  (root: string) =>
  (what: string, folder: string, things: (where: string) => Promise<Thing[]>): Kind => {
    const where = path.join(root, folder);
    return { what, root, where, things: () => things(where) };
  };

/** What a kind has on this machine; sizes are bytes on disk. */
export interface Row {
  readonly kind: Kind;
  readonly inUseBytes: number;
  readonly keptBytes: number;
  readonly freeBytes: number;
  /** What can be removed. */
  readonly free: readonly Thing[];
}

/** One row for each kind, in the given order. A thing whose lock is held counts as in use. Changes nothing. */
export async function takeInventory(kinds: readonly Kind[]): Promise<Row[]> {
  const seen = new Set<string>();
  const rows: Row[] = [];
  for (const kind of kinds) {
    const bytes = { "in use": 0, kept: 0, free: 0 };
    const free: Thing[] = [];
    for (const thing of await kind.things()) {
      const isBusy = thing.use === "free" && thing.lock !== undefined && (await lockHolder(thing.lock)) !== undefined;
      const use = isBusy ? "in use" : thing.use;
      bytes[use] += diskUsage(thing.place, seen);
      if (use === "free") free.push(thing);
    }
    rows.push({ kind, inUseBytes: bytes["in use"], keptBytes: bytes.kept, freeBytes: bytes.free, free });
  }
  return rows;
}

/** Everything in a folder, each judged by its name. */
export async function judged(
  root: string,
  folder: string,
  judge: (name: string, place: string) => Thing | Use | Promise<Thing | Use>,
): Promise<Thing[]> {
  const things: Thing[] = [];
  for (const name of await namesIn(root, folder)) {
    const place = path.join(folder, name);
    const found = await judge(name, place);
    things.push(typeof found === "string" ? { place, use: found } : found);
  }
  return things;
}

/** Whether it has not changed for so long that no running process is still writing it or about to start it. */
export const isSettled = async (place: string): Promise<boolean> =>
  // Gone meanwhile: not ours to remove.
  (await ageMs(place).catch(() => 0)) > maybeInUseMs;

/** What a killed run has left half written: the names of `temporaryName` and of artifacts (`FILE.PID`). */
export const isUnfinished = async (name: string, place: string): Promise<boolean> =>
  (isTemporary(name) || /\.\d+$/.test(name)) && (await isSettled(place));
