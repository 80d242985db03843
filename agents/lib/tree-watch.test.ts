import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UserError } from "./errors.ts";
import { TreeWatch, type TreeWatchHandlers } from "./tree-watch.ts";

/** Collects a watch's events, and lets a test wait for one. */
class Told extends EventEmitter {
  readonly lines: string[] = [];
  readonly handlers = {
    arrived: (path: string, how: string) => this.#tell(`${how} ${path}`),
    appeared: (folder: string) => this.#tell(`appeared ${folder}`),
    gap: (reason: string) => this.#tell(`gap ${reason}`),
    undecodable: (name: string) => this.#tell(`undecodable ${name}`),
    trouble: (error: Error) => this.#tell(`trouble ${error instanceof UserError ? error.format() : error.message}`),
    recovered: () => this.#tell("recovered"),
  };
  readonly modified = (path: string) => this.#tell(`modified ${path}`);

  async line(wanted: string | RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => (typeof wanted === "string" ? line === wanted : wanted.test(line)));
      if (found !== undefined) return found;
      await once(this, "line");
    }
  }

  #tell(line: string): void {
    this.lines.push(line);
    this.emit("line");
  }
}

let base: string;
let root: string;
let told: Told;
const watches: TreeWatch[] = [];

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "tree watch é ")));
  root = join(base, "db");
  mkdirSync(root);
  told = new Told();
});

afterEach(() => {
  vi.unstubAllEnvs();
  for (const watch of watches.splice(0)) watch.stop();
  // Too deep to remove by path.
  execFileSync("rm", ["-r", base]);
});

async function watchRoot(command = "inotifywait", handlers: TreeWatchHandlers = told.handlers): Promise<TreeWatch> {
  const watch = new TreeWatch({
    root,
    barrierFolder: join(base, "state"),
    command,
    handlers,
    idleBarrierMs: 200,
  });
  watches.push(watch);
  await watch.start();
  return watch;
}

test("a file is reported when it is closed, renamed into place, or linked", async () => {
  await watchRoot();
  writeFileSync(join(base, "elsewhere"), "x");
  writeFileSync(join(root, "a b\nü,c"), "x");
  renameSync(join(base, "elsewhere"), join(root, "moved"));
  linkSync(join(root, "moved"), join(root, "linked"));
  await told.line("created linked");
  expect(told.lines).toEqual(["gap started", "created a b\nü,c", "closed a b\nü,c", "moved moved", "created linked"]);
});

test("a handler for modifications gets each change of content, before the closing", async () => {
  await watchRoot("inotifywait", { ...told.handlers, modified: told.modified });
  writeFileSync(join(root, "file"), "x");
  const fd = openSync(join(root, "file"), "w");
  await told.line("closed file");
  writeSync(fd, "half");
  closeSync(fd);
  writeFileSync(join(root, "last"), "");
  await told.line("closed last");
  const lines = told.lines.filter((line) => line.endsWith(" file"));
  expect(lines[0]).toBe("created file");
  expect(lines.at(-1)).toBe("closed file");
  // The first content, the truncation, the second content: the kernel may merge adjacent events.
  expect(lines.slice(lines.indexOf("closed file") + 1)).toContain("modified file");
});

test("a folder created and filled at once, however deep, is reported once it is watched", async () => {
  await watchRoot();
  mkdirSync(join(root, "20150120/RADAR/URP/IWA"), { recursive: true });
  writeFileSync(join(root, "20150120/RADAR/URP/IWA/product"), "x");
  await told.line("appeared 20150120");
  writeFileSync(join(root, "20150120/RADAR/URP/IWA/later"), "x");
  await told.line("closed 20150120/RADAR/URP/IWA/later");
});

test("a filled folder that is moved in is reported, and watched from then on", async () => {
  mkdirSync(join(base, "filled/inner"), { recursive: true });
  writeFileSync(join(base, "filled/inner/old"), "x");
  await watchRoot();
  renameSync(join(base, "filled"), join(root, "filled"));
  await told.line("appeared filled");
  writeFileSync(join(root, "filled/inner/new"), "x");
  await told.line("closed filled/inner/new");
});

test("a folder renamed inside the tree is reported under its new name", async () => {
  mkdirSync(join(root, "in-work"));
  await watchRoot();
  renameSync(join(root, "in-work"), join(root, "done"));
  await told.line("appeared done");
  writeFileSync(join(root, "done/x"), "x");
  await told.line("closed done/x");
});

test("a file moved in just after a folder was moved out leads to a new watch, because inotifywait would mix them up", async () => {
  mkdirSync(join(root, "leaves"));
  writeFileSync(join(base, "comes"), "x");
  await watchRoot();
  renameSync(join(root, "leaves"), join(base, "left"));
  renameSync(join(base, "comes"), join(root, "comes"));
  await told.line("gap a folder was moved out of the tree");
  writeFileSync(join(root, "after"), "x");
  await told.line("closed after");
});

test("when inotifywait is killed it is restarted and the tree reported as a gap", async () => {
  const watch = await watchRoot();
  process.kill(watch.pid ?? 0, "SIGKILL");
  await told.line("gap inotifywait exited (SIGKILL)");
  expect(watch.watching).toBe(true);
  writeFileSync(join(root, "after"), "x");
  await told.line("closed after");
});

test("events dropped by the kernel, which inotifywait does not report, are a gap", async () => {
  const watch = await watchRoot();
  const file = join(root, "busy");
  const other = join(root, "other");
  process.kill(watch.pid ?? 0, "SIGSTOP");
  // Two files in turn: the kernel merges equal events only if they are adjacent.
  for (let count = 0; count < 10_000; count += 1) {
    appendFileSync(file, "x");
    appendFileSync(other, "x");
  }
  process.kill(watch.pid ?? 0, "SIGCONT");
  await told.line(/^gap \d+ events at once$|^gap inotifywait did not answer$/);
  expect(told.lines.length).toBeLessThan(20_000);
  // Its missing answer shows only after ten seconds.
}, 60_000);

test("a folder that was found but is not watched leads to a new watch", async () => {
  const watch = await watchRoot();
  expect(watch.covers([{ path: "no/such", inode: 1n }])).toBe(false);
  await told.line(/^gap 1 new folders were not watched/);
  // Once is enough: on some file systems the numbers can't be compared.
  expect(watch.covers([{ path: "no/such", inode: 1n }])).toBe(true);
});

test("a name that is not valid UTF-8 is reported as such", async () => {
  await watchRoot();
  writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff])]), "x");
  expect(await told.line(/^undecodable/)).toContain("bad-�");
});

test("the removal and re-creation of the root is noticed", async () => {
  const watch = await watchRoot();
  rmSync(root, { recursive: true });
  await told.line(/^trouble .*ENOENT/);
  expect(watch.watching).toBe(false);
  mkdirSync(root);
  await told.line("recovered");
  writeFileSync(join(root, "after"), "x");
  await told.line("closed after");
}, 20_000);

test.each(["", "/run/systemd/notify"])(
  "without inotifywait (NOTIFY_SOCKET %j) the error names the package to install",
  async (socket) => {
    if (socket) vi.stubEnv("NOTIFY_SOCKET", socket);
    const error = await watchRoot("no-such-inotifywait").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).format()).toContain("apt-get install inotify-tools");
  },
);

/** A folder too deep for any path: each folder is created around the one below it. */
function makeDeep(name: string): string {
  const [at, around] = [join(base, name), join(base, "around")];
  mkdirSync(at);
  for (let depth = 0; depth < 30; depth += 1) {
    mkdirSync(around);
    renameSync(at, join(around, "d".repeat(180)));
    renameSync(around, at);
  }
  return at;
}

test("the tree is watched even if a folder in it is deeper than the system's paths, from the start or moved in", async () => {
  renameSync(makeDeep("before"), join(root, "before"));
  await watchRoot();
  writeFileSync(join(root, "a"), "x");
  await told.line("closed a");
  renameSync(makeDeep("later"), join(root, "later"));
  await told.line("appeared later");
  writeFileSync(join(root, "b"), "x");
  await told.line("closed b");
});
