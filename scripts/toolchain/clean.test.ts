import {
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { engineLock } from "../engine/toolchain/toolchain.ts";
import { hostsLock, type LabRecord } from "../lab/registry.ts";
import { withLock } from "../lib/machine-lock.ts";
import { allKinds, formatRows, freeAll } from "./clean.ts";
import { hasMounts, namesIn, removeBelow } from "./folders.ts";
import { type Row, takeInventory } from "./kind.ts";
import { copiesKept } from "./own-kinds.ts";

// Real folders, with small files in place of engines and images. No lab is started: its record is data. So this does not show that the image of a
// running host counts as in use.
let root: string;
let cache: string;
let own: string;
let labs: LabRecord[];

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "warren-clean-"));
  cache = path.join(root, "cache");
  own = path.join(root, "checkout/.warren");
  labs = [];
  mkdirSync(cache, { recursive: true });
  mkdirSync(own, { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true }));

const day = 24 * 3600;

/** A file of 10 kB, and its folders. */
function put(place: string, ageSeconds = 0): string {
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, "x".repeat(10_000));
  return age(place, ageSeconds);
}

function age(place: string, seconds: number): string {
  const at = Date.now() / 1000 - seconds;
  lutimesSync(place, at, at);
  return place;
}

const inCache = (name: string, ageSeconds?: number) => put(path.join(cache, name), ageSeconds);
const inOwn = (name: string, ageSeconds?: number) => put(path.join(own, name), ageSeconds);

const inventory = (): Promise<Row[]> =>
  takeInventory(
    allKinds({
      cache,
      own,
      engine: "3.2.1",
      providers: { command: "1.0.0", rabbitmq: "2.0.0" },
      images: async () => ["bookworm-aaaaaaaaaaaa", "trixie-aaaaaaaaaaaa"],
      labs: async () => labs,
      labLock: `test-labs-${process.pid}`,
      bundles: async () => "present",
    }),
  );

const rowOf = (rows: readonly Row[], what: string): Row => {
  const found = rows.find(({ kind }) => kind.what === what);
  if (!found) throw new Error(`no row ${what}`);
  return found;
};

/** Frees what can be freed, and returns it, below `root`. A second run must find nothing. */
async function freed(): Promise<string[]> {
  const rows = await inventory();
  const places = rows.flatMap(({ free }) => free.map(({ place }) => path.relative(root, place)));
  await freeAll(rows);
  expect(places.filter((place) => lstatSync(path.join(root, place), { throwIfNoEntry: false }))).toEqual([]);
  expect((await inventory()).flatMap(({ free }) => free)).toEqual([]);
  return places;
}

function lab(name: string, more: Partial<LabRecord> = {}): LabRecord {
  const disks = path.join(cache, "labs", `${name}-7`);
  return { name, index: 7, checkout: path.dirname(own), disks, phase: "up", pid: process.pid, hosts: [], ...more };
}

test("engines of other versions and unfinished ones are freed; the pinned one stays, however it came", async () => {
  const pinned = [inCache("engine/3.2.1-built/pulumi"), inCache("engine/3.2.1-downloaded/pulumi")];
  const notes = inCache("engine/notes.txt");
  inCache("engine/3.1.0-built/pulumi");
  inCache("engine/3.2.1-downloaded.download/pulumi.tar.gz");
  inCache("engine/.3.2.1-built.4711.0123abcd.tmp/pulumi");
  inCache("engine-build/modules/a");
  expect(await freed()).toEqual([
    "cache/engine/.3.2.1-built.4711.0123abcd.tmp",
    "cache/engine/3.1.0-built",
    "cache/engine/3.2.1-downloaded.download",
    "cache/engine-build",
  ]);
  expect([...pinned, notes].filter((place) => !existsSync(place))).toEqual([]);
});

test("while another run installs an engine, nothing of its work can be freed", async () => {
  const object = inCache("engine-build/objects/a");
  await withLock(engineLock(cache), "another run", async () => {
    const row = rowOf(await inventory(), "unfinished engine build");
    expect(row.free).toEqual([]);
    expect(row.inUseBytes).toBeGreaterThanOrEqual(10_000);
  });
  expect(await freed()).toEqual(["cache/engine-build"]);
  expect(existsSync(object)).toBe(false);
});

test("what came into use between table and answer stays", async () => {
  const disk = inCache("labs/late-7/urp-1/volume/upper/etc/hostname");
  const rows = await inventory();
  expect(rowOf(rows, "disks of labs").free).toHaveLength(1);
  labs = [lab("late", { phase: "reserved" })];
  expect(await freeAll(rows)).toBe(0);
  expect(existsSync(disk)).toBe(true);
});

test("base images of other recipes and partial ones are freed, but not while a lab begins", async () => {
  const current = inCache("images/bookworm-aaaaaaaaaaaa/etc/hostname");
  inCache("images/bookworm-bbbbbbbbbbbb/etc/hostname");
  labs = [lab("new", { phase: "making" })];
  expect(rowOf(await inventory(), "base images of labs").free).toEqual([]);
  labs = [lab("old", { phase: "up", index: process.pid })];
  await withLock(hostsLock(process.pid), "another run", async () => {
    expect(rowOf(await inventory(), "base images of labs").free).toEqual([]);
  });
  inCache("images/trixie-aaaaaaaaaaaa.partial/etc/hostname");
  expect(await freed()).toEqual(["cache/images/bookworm-bbbbbbbbbbbb", "cache/images/trixie-aaaaaaaaaaaa.partial"]);
  expect(existsSync(current)).toBe(true);
});

test("disks and consoles of labs that are gone are freed; those of a lab that is up, and all keys, stay", async () => {
  labs = [lab("here"), lab("elsewhere", { checkout: "/another/checkout", disks: path.join(cache, "labs/elsewhere") })];
  const kept = [
    inCache("labs/here-7/urp-1/volume/upper/etc/hostname"),
    inCache("labs/elsewhere/urp-1/volume/upper/etc/hostname"),
    inCache("packages/bookworm/apache2.deb", 90 * day),
    inOwn("labs/here/console/urp-1.log", 90 * day),
    inOwn("labs/gone/id_ed25519", 90 * day),
    inOwn("labs/gone/host-keys/urp-1", 90 * day),
    inOwn("labs/gone/Pulumi.gone.yaml", 90 * day),
  ];
  inCache("labs/gone/urp-1/volume/upper/etc/hostname");
  inCache("packages/bookworm/apache2.deb.new", 90 * day);
  inOwn("labs/gone/console/urp-1.log");
  expect(await freed()).toEqual([
    "cache/packages/bookworm/apache2.deb.new",
    "cache/labs/gone",
    "checkout/.warren/labs/gone/console/urp-1.log",
  ]);
  expect(kept.filter((place) => !existsSync(place))).toEqual([]);
});

test("the newest copies of each state and records of its updates stay, with the state itself", async () => {
  const state = inOwn("state/.pulumi/stacks/warren/op.json");
  const timeOf = (number: number) => `17961666174896347${String(number).padStart(2, "0")}`;
  const files = (number: number) => [
    `backups/warren/op/op.${timeOf(number)}.json`,
    `backups/warren/op/op.${timeOf(number)}.json.attrs`,
    `history/warren/op/op-${timeOf(number)}.history.json`,
    `history/warren/op/op-${timeOf(number)}.checkpoint.json`,
  ];
  const numbers = Array.from({ length: copiesKept + 2 }, (_, number) => number);
  for (const name of numbers.flatMap(files)) inOwn(`state/.pulumi/${name}`, 90 * day);
  const other = inOwn(`state/.pulumi/backups/warren/dev/dev.${timeOf(0)}.json`, 90 * day);
  const foreign = inOwn("state/.pulumi/backups/warren/op/my-own-copy.json", 90 * day);
  const places = await freed();
  expect(places.toSorted()).toEqual(
    [...files(0), ...files(1)].map((name) => `checkout/.warren/state/.pulumi/${name}`).toSorted(),
  );
  expect([state, other, foreign].filter((place) => !existsSync(place))).toEqual([]);
  expect(readdirSync(path.join(own, "state/.pulumi/history/warren/op"))).toHaveLength(2 * copiesKept);
});

test("old bundles, plugins, compiled code, unfinished files and logs are freed; secrets and records never", async () => {
  const kept = [
    inOwn("plugins/present/command.cjs", day),
    inOwn("plugins/just-made/command.cjs"),
    inOwn("pulumi/plugins/resource-command-v1.0.0/pulumi-resource-command", day),
    inOwn("pulumi/plugins/resource-command-v1.0.0.lastused", day),
    inOwn("pulumi/plugins/resource-random-v4.1.0/pulumi-resource-random", day),
    inOwn("pulumi/plugins/tool-converter-v1.0.0/pulumi-tool-converter", day),
    inOwn("compile-cache/v24/young"),
    inOwn("artifacts/node.gz", 90 * day),
    inOwn("artifacts/node.gz.4711"),
    inOwn("logs/young.log", 6 * day),
    inOwn("tls/op.ca.pem", 90 * day),
    inOwn("ssh/op.config", 90 * day),
    inOwn("backups/op.backup", 90 * day),
    inOwn("drills/op.jsonl", 90 * day),
    inOwn("state/locks/op.lock", 90 * day),
  ];
  for (const name of ["resource-random-v4.1.0", "tool-converter-v1.0.0"])
    age(path.join(own, "pulumi/plugins", name), day);
  age(path.dirname(inOwn("plugins/former/command.cjs", day)), day);
  age(path.dirname(inOwn("pulumi/plugins/resource-command-v0.9.0/pulumi-resource-command", day)), day);
  inOwn("pulumi/plugins/resource-command-v0.9.0.lastused", day);
  inOwn("pulumi/logs/pulumi-1.log");
  inOwn("compile-cache/v24/old", day);
  inOwn("artifacts/node.gz.4712", day);
  inOwn("bin/.pulumi.4711.0123abcd.tmp", day);
  inOwn("logs/old.log", 8 * day);
  expect((await freed()).map((place) => place.replace("checkout/.warren/", ""))).toEqual([
    "bin/.pulumi.4711.0123abcd.tmp",
    "artifacts/node.gz.4712",
    "plugins/former",
    "pulumi/plugins/resource-command-v0.9.0",
    "pulumi/plugins/resource-command-v0.9.0.lastused",
    "pulumi/logs",
    "compile-cache/v24/old",
    "logs/old.log",
  ]);
  expect(kept.filter((place) => !existsSync(place))).toEqual([]);
});

test("a link that leads outside is removed as a link, and a folder that is one is left alone", async () => {
  const outside = put(path.join(root, "outside/old.log"), 90 * day);
  mkdirSync(path.join(own, "logs"));
  symlinkSync(outside, path.join(own, "logs/link.log"));
  symlinkSync(path.dirname(outside), path.join(own, "logs/folder"));
  mkdirSync(path.join(own, "state/.pulumi"), { recursive: true });
  symlinkSync(path.dirname(outside), path.join(own, "compile-cache"));
  symlinkSync(path.dirname(outside), path.join(cache, "labs"));
  for (const name of ["link.log", "folder"]) age(path.join(own, "logs", name), 90 * day);
  expect(await freed()).toEqual(["checkout/.warren/logs/folder", "checkout/.warren/logs/link.log"]);
  expect(existsSync(outside)).toBe(true);
  expect(lstatSync(path.join(own, "compile-cache")).isSymbolicLink()).toBe(true);
});

test("a folder that becomes a link after the table leads nowhere", async () => {
  const outside = put(path.join(root, "outside/old.log"), 90 * day);
  inOwn("logs/old.log", 90 * day);
  const rows = await inventory();
  renameSync(path.join(own, "logs"), path.join(own, "former-logs"));
  symlinkSync(path.dirname(outside), path.join(own, "logs"));
  expect(await freeAll(rows)).toBe(0);
  expect(existsSync(outside)).toBe(true);
});

test("nothing outside the folder can be named, and the folder itself stays", async () => {
  const outside = put(path.join(root, "outside/file"));
  for (const place of [outside, path.join(own, "../../outside/file"), own, root])
    expect(await removeBelow(own, place)).toBe(false);
  expect(await namesIn(own, path.dirname(outside))).toEqual([]);
  expect(existsSync(outside)).toBe(true);
});

test("a mount is seen, at a path and below it", async () => {
  expect([await hasMounts("/proc"), await hasMounts("/"), await hasMounts(own)]).toEqual([true, true, false]);
});

test("the table has each kind that is there once, with sizes on disk; a file with two names counts once", async () => {
  inCache("engine/3.2.1-built/pulumi");
  inOwn("logs/old.log", 8 * day);
  mkdirSync(path.join(own, "bin"));
  linkSync(path.join(cache, "engine/3.2.1-built/pulumi"), path.join(own, "bin/pulumi"));
  const lines = formatRows(await inventory())
    .trimEnd()
    .split("\n");
  expect(lines.map((line) => line.split(/ {2,}/)[0])).toEqual([
    "what",
    "engines",
    "other files of the cache",
    "logs",
    "other files of this checkout",
  ]);
  expect(lines[1]).toMatch(/ {2}([\d.]+ kB) +\1 +- +-$/);
  expect(lines[3]).toMatch(/ ([\d.]+ kB) +- +- +\1$/);
});
