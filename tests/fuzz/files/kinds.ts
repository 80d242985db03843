import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Surroundings } from "./surroundings.ts";

/** A folder entry to make. */
export interface Place {
  readonly folder: string;
  /** A path in `folder`; the name may not be valid text. */
  readonly path: Buffer;
  readonly content: Buffer;
  readonly around: Surroundings;
}

/** A path in `outside` for entries that are made there first and then moved. */
const elsewhere = ({ around }: Place): string => join(around.outside, "made");
const inside = ({ path }: Place, name: string): Buffer => Buffer.concat([path, Buffer.from(`/${name}`)]);

/** Never writes to an existing entry, which may be another input's pipe. */
const put = ({ path, content }: Place): void => writeFileSync(path, content, { flag: "wx" });

function replace(place: Place, make: (at: string) => void): void {
  put(place);
  make(elsewhere(place));
  renameSync(elsewhere(place), place.path);
}

function folder(place: Place, mode: number): void {
  mkdirSync(place.path);
  writeFileSync(inside(place, "inside"), place.content);
  chmodSync(place.path, mode);
}

/** Made elsewhere and renamed, because Node can't pass a name that is not UTF-8 to a command. */
function special(place: Place, ...options: readonly string[]): void {
  execFileSync("mknod", [elsewhere(place), ...options]);
  renameSync(elsewhere(place), place.path);
}

function socket(place: Place): void {
  const server = createServer().listen(elsewhere(place));
  server.unref();
  place.around.servers.push(server);
  renameSync(elsewhere(place), place.path);
}

const deepNames = 30;
const deepName = "d".repeat(180);

/** Deeper than PATH_MAX: each folder is made elsewhere and the previous one moved into it. */
function nest(place: Place): void {
  const { outside, owner } = place.around;
  const [at, wrap] = [join(outside, "nest"), join(outside, "wrap")];
  mkdirSync(at);
  writeFileSync(join(at, "bottom"), "");
  for (let depth = 0; depth < deepNames; depth += 1) {
    mkdirSync(wrap);
    chownSync(wrap, owner.uid, owner.gid);
    renameSync(at, join(wrap, deepName));
    renameSync(wrap, at);
  }
  renameSync(at, place.path);
}

function moveFolder(place: Place): void {
  folder(place, 0o755);
  const at = join(place.around.outside, `moved-${place.content.length}`);
  rmSync(at, { recursive: true, force: true });
  renameSync(place.path, at);
}

/** The folder's file has the same name as one outside, so a reader that follows the link reads the wrong file. */
function folderBecomesLink(place: Place): void {
  mkdirSync(place.path);
  writeFileSync(inside(place, place.around.secretName), place.content);
  rmSync(place.path, { recursive: true });
  symlinkSync(place.around.secretFolder, place.path);
}

type Make = (place: Place) => void;

/** Files that don't change. */
export const files: Readonly<Record<string, Make>> = {
  file: put,
  "hard-link": (place) => {
    writeFileSync(elsewhere(place), place.content);
    linkSync(elsewhere(place), place.path);
    rmSync(elsewhere(place));
  },
};

/** Entries that an agent may see in one of several states. */
export const changing: Readonly<Record<string, Make>> = {
  empty: ({ path }) => writeFileSync(path, "", { flag: "wx" }),
  sparse: (place) => [put(place), truncateSync(place.path, place.around.largeBytes)],
  "closed-file": (place) => [put(place), chmodSync(place.path, 0)],
  "in-use": ({ folder, content, around }) => writeFileSync(join(folder, around.nameInUse), content),
  grows: (place) => [put(place), appendFileSync(place.path, place.content)],
  shrinks: (place) => [put(place), truncateSync(place.path, 1)],
  vanishes: (place) => [put(place), rmSync(place.path)],
  replaced: (place) => replace(place, (at) => writeFileSync(at, Buffer.concat([place.content, place.content]))),
  "replaced-by-link": (place) => replace(place, (at) => symlinkSync(place.around.secretFile, at)),
  "replaced-by-pipe": (place) => replace(place, (at) => execFileSync("mkfifo", [at])),
  "replaced-by-folder": (place) => [put(place), rmSync(place.path), mkdirSync(place.path)],
  folder: ({ path }) => mkdirSync(path),
  "full-folder": (place) => folder(place, 0o755),
  "closed-folder": (place) => folder(place, 0),
  "unlisted-folder": (place) => folder(place, 0o111),
  "named-only-folder": (place) => folder(place, 0o444),
  "deep-folder": nest,
  "moved-folder": moveFolder,
  "folder-becomes-link": folderBecomesLink,
};

/** Entries that must not be read. */
export const never: Readonly<Record<string, Make>> = {
  "link-to-secret": ({ path, around }) => symlinkSync(around.secretFile, path),
  "link-to-folder": ({ path, around }) => symlinkSync(around.secretFolder, path),
  "link-to-nothing": ({ path, around }) => symlinkSync(join(around.outside, "nothing"), path),
  "link-to-itself": ({ path }) => symlinkSync(path, path),
  "link-loop": ({ path }) => symlinkSync(".", path),
  "link-to-device": ({ path }) => symlinkSync("/dev/zero", path),
  pipe: (place) => special(place, "p"),
  device: (place) => special(place, "c", "1", "5"),
  socket,
};
