import path from "node:path";
import { checkout, ownFolder } from "../engine/places.ts";
import { sourcesKey } from "../engine/toolchain/plugins.ts";
import { pinnedVersions } from "../engine/toolchain/versions.ts";
import { currentImages } from "../lab/image.ts";
import { labLock, listRecords } from "../lab/registry.ts";
import { bytesText } from "../lib/bytes.ts";
import { confirm } from "../lib/confirm.ts";
import { cacheFolder } from "../lib/files.ts";
import { withLock } from "../lib/machine-lock.ts";
import { toJson } from "../lib/options.ts";
import { formatColumns } from "../lib/table.ts";
import { type CacheFacts, cacheKinds } from "./cache-kinds.ts";
import { diskUsage, removeBelow } from "./folders.ts";
import { type Kind, type Row, type Thing, takeInventory } from "./kind.ts";
import { type OwnFacts, ownKinds } from "./own-kinds.ts";

export interface CleanFlags {
  readonly json?: true;
  readonly yes?: true;
}

/**
 * `./warren toolchain --clean`: shows what warren keeps on this machine, asks, and removes what can be freed. With `--json` it does not ask, and
 * removes only with `--yes`.
 *
 * @throws UserError where it is not confirmed, or where this user may not remove something
 */
export async function clean({ json, yes }: CleanFlags, kinds = allKinds()): Promise<void> {
  const rows = await takeInventory(kinds);
  const freeBytes = sum(rows.map((row) => row.freeBytes));
  const isAnything = rows.some(({ free }) => free.length > 0);
  if (json) {
    const freedBytes = yes ? await freeAll(rows) : 0;
    process.stdout.write(toJson({ rows: rows.map(rowJson), freeBytes, freedBytes }));
    return;
  }
  process.stdout.write(formatRows(rows));
  if (!isAnything) {
    process.stdout.write("\nnothing to free\n");
    return;
  }
  process.stdout.write(`\n${bytesText(freeBytes)} can be freed\n`);
  await confirm({ verb: "toolchain --clean", text: "free it", yes });
  process.stdout.write(`freed ${bytesText(await freeAll(rows))}\n`);
}

/** Everything that warren keeps on this machine: for all checkouts of this user, then for this one. */
export function allKinds(facts: CacheFacts & OwnFacts = factsHere()): Kind[] {
  return [...cacheKinds(facts), ...ownKinds(facts)];
}

function factsHere(): CacheFacts & OwnFacts {
  const { engine, providers } = pinnedVersions();
  return {
    cache: cacheFolder(),
    own: ownFolder,
    engine,
    providers,
    // Without apt no lab was ever started here.
    images: () => currentImages().catch(() => undefined),
    labs: listRecords,
    labLock,
    bundles: sourcesKey,
  };
}

/**
 * Removes what can be freed, and returns its bytes. What has a lock is judged again under it, as the lock's former holder may have changed things.
 *
 * @throws the system's error where this user may not remove something; what was removed before stays removed
 */
export async function freeAll(rows: readonly Row[]): Promise<number> {
  const seen = new Set<string>();
  let bytes = 0;
  const remove = async (kind: Kind, { place }: Thing): Promise<void> => {
    const size = diskUsage(place, seen);
    if (await removeBelow(kind.root, place)) bytes += size;
  };
  const judgeAgain = async (kind: Kind, thing: Thing): Promise<void> => {
    const now = (await kind.things()).find(({ place }) => place === thing.place);
    if (now?.use === "free") await remove(kind, thing);
  };
  const onWait = (holder: string): void => void process.stderr.write(`warren: waiting for ${holder}\n`);
  for (const { kind, free } of rows) {
    for (const thing of free) {
      if (thing.lock === undefined) await remove(kind, thing);
      else await withLock(thing.lock, "./warren toolchain --clean", () => judgeAgain(kind, thing), onWait);
    }
  }
  return bytes;
}

export function formatRows(rows: readonly Row[]): string {
  const shown = rows.filter((row) => totalBytes(row) > 0 || row.free.length > 0);
  const cells = shown.map((row) => [
    row.kind.what,
    placeText(row.kind.where),
    ...[totalBytes(row), row.inUseBytes, row.keptBytes, row.freeBytes].map((bytes) => (bytes ? bytesText(bytes) : "-")),
  ]);
  const header = ["what", "where", "size", "in use", "kept", "can be freed"];
  return `${formatColumns([header, ...cells], "", { isNumber: (column) => column >= 2 })}\n`;
}

const placeText = (place: string): string =>
  place === checkout || place.startsWith(checkout + path.sep) ? path.relative(checkout, place) : place;

const rowJson = (row: Row) => ({
  what: row.kind.what,
  where: row.kind.where,
  bytes: totalBytes(row),
  inUseBytes: row.inUseBytes,
  keptBytes: row.keptBytes,
  freeBytes: row.freeBytes,
  free: row.free.map(({ place }) => place),
});

const totalBytes = (row: Row): number => row.inUseBytes + row.keptBytes + row.freeBytes;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
