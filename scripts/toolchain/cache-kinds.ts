import path from "node:path";
import { isAlive } from "../../infra/process-stat.ts";
import { buildFolder } from "../engine/toolchain/build.ts";
import { engineLock } from "../engine/toolchain/toolchain.ts";
import { imageLock, isImageUsed } from "../lab/image.ts";
import { programsBelow, supervisorsBelow } from "../lab/processes.ts";
import { hostsLock, type LabRecord } from "../lab/registry.ts";
import { isTemporary } from "../lib/files.ts";
import { lockHolder } from "../lib/machine-lock.ts";
import { hasMounts, namesIn } from "./folders.ts";
import { isSettled, judged, type Kind, kindsIn, type Thing, type Use } from "./kind.ts";

/** What decides about the things in the machine's cache folder. */
export interface CacheFacts {
  readonly cache: string;
  /** The version of the engine that this checkout pins. */
  readonly engine: string;
  /** Names of the base images that the next lab would use; undefined where this machine can't build any. */
  images(): Promise<readonly string[] | undefined>;
  /** All labs of this machine. */
  labs(): Promise<readonly LabRecord[]>;
  /** The lock of processes that begin or end a lab. */
  readonly labLock: string;
}

/** The kinds of things in the machine's cache folder, which all checkouts of a user share. */
export function cacheKinds(facts: CacheFacts): Kind[] {
  const { cache } = facts;
  const kind = kindsIn(cache);
  return [
    kind("engines", "engine", (where) => engines(where, facts)),
    kind("unfinished engine build", path.basename(buildFolder(cache)), () => unfinishedBuild(cache)),
    kind("base images of labs", "images", (where) => images(where, facts)),
    kind("packages for labs", "packages", (where) => packages(where, cache)),
    kind("disks of labs", "labs", (where) => disks(where, facts)),
    kind("other files of the cache", ".", (where) => judged(cache, where, () => "kept")),
  ];
}

/** Names as `ensureToolchain` makes them: of a complete engine, of a download, of a build. */
function engines(where: string, { cache, engine }: CacheFacts): Promise<Thing[]> {
  return judged(cache, where, async (name, place) => {
    const version = /^(\d+\.\d+\.\d+)-(?:downloaded|built)(\.download)?$/.exec(name);
    const isPinned = version?.[1] === engine && version[2] === undefined;
    if (isPinned) return "in use";
    if (!version && !isTemporary(name)) return "kept";
    // By a run of another checkout.
    const isRunning = (await programsBelow(place)).length > 0;
    return isRunning ? "in use" : { place, use: "free", lock: engineLock(cache) };
  });
}

async function unfinishedBuild(cache: string): Promise<Thing[]> {
  const place = buildFolder(cache);
  const isThere = (await namesIn(cache, cache)).includes(path.basename(place));
  return isThere ? [{ place, use: "free", lock: engineLock(cache) }] : [];
}

async function images(where: string, { cache, images: currentOnes, labs, labLock }: CacheFacts): Promise<Thing[]> {
  const names = await namesIn(cache, where);
  if (names.length === 0) return [];
  const current = await currentOnes();
  // Such a lab may be about to mount its image, also for another host of a lab that is up.
  const begun = await Promise.all(
    (await labs()).map(
      async ({ phase, pid, index }) =>
        phase === "making" ||
        (phase === "reserved" && isAlive(pid)) ||
        (await lockHolder(hostsLock(index))) !== undefined,
    ),
  );
  const isLabBegun = begun.includes(true);
  return judged(cache, where, async (name, place) => {
    const image = /^([a-z]+-[0-9a-f]{12})(\.partial)?$/.exec(name);
    if (image?.[1] === undefined || current === undefined) return "kept";
    if (image[2] !== undefined) return { place, use: "free", lock: imageLock(image[1]) };
    const isUsed = current.includes(name) || isLabBegun || (await isImageUsed(place));
    return isUsed ? "in use" : { place, use: "free", lock: labLock };
  });
}

/** Packages are kept for the next lab, except half copied ones. */
async function packages(where: string, cache: string): Promise<Thing[]> {
  const releases = await namesIn(cache, where);
  const found = await Promise.all(
    releases.map((release) =>
      judged(
        cache,
        path.join(where, release),
        async (name, place): Promise<Use> => (name.endsWith(".deb.new") && (await isSettled(place)) ? "free" : "kept"),
      ),
    ),
  );
  return found.flat();
}

/** Hosts and records of labs vanish with a reboot; disks don't. */
async function disks(where: string, { cache, labs, labLock }: CacheFacts): Promise<Thing[]> {
  const recorded = new Set((await labs()).map((lab) => lab.disks));
  return judged(cache, where, async (_name, place) => {
    const isUsed = recorded.has(place) || (await hasMounts(place)) || (await supervisorsBelow(place)).length > 0;
    return isUsed ? "in use" : { place, use: "free", lock: labLock };
  });
}
