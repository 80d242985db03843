import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { poll } from "../../lib/poll.ts";
import { pinnedVersions } from "./versions.ts";

// Every origin of an engine, with stand-ins: a `pulumi` and a `go` in shell, and a server that refuses. The lab's suite shows that the
// real Go builds the real engine.
const { engine: version } = pinnedVersions();
const refusing = "http://127.0.0.1:9";
let folder: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warren-toolchain-"));
  mkdirSync(path.join(folder, "bin"));
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

function put(name: string, text: string): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A stand-in for Go: its version, a list of packages, and a "compiler" that runs `build`. */
function putGo(build: string): void {
  const binary = `for last; do :; done; while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done`;
  put(
    "bin/go",
    `case "$1" in
env) echo go1.99.0 ;;
list) echo "go: downloading x v1" >&2; echo a; echo b ;;
build) echo built >>${folder}/builds; ${build}; ${binary}; printf '#!/bin/sh\\necho v${version}\\n' >"$out"; chmod +x "$out" ;;
esac`,
  );
}

interface Run {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** Resolves to the engine used, or to the error output. */
  readonly result: Promise<{ path: string; origin: string } | { error: string; remedy: string }>;
}

function bring(environment: Record<string, string> = {}): Run {
  const driver = `
    import { bringEngine } from "./scripts/engine/toolchain/toolchain.ts";
    import { pinnedVersions } from "./scripts/engine/toolchain/versions.ts";
    const progress = { line: (text) => console.error(text), status: () => {} };
    const say = (value) => console.log(JSON.stringify(value));
    await bringEngine(pinnedVersions(), { progress }).then(say, (error) => {
      if (error.remedy === undefined) throw error;
      say({ error: error.message, remedy: error.remedy });
    });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", driver], {
    cwd: path.resolve(import.meta.dirname, "../../.."),
    env: {
      PATH: `${folder}/bin:/usr/bin:/bin`,
      HOME: path.join(folder, "home"),
      XDG_CACHE_HOME: path.join(folder, "cache"),
      WARREN_ENGINE_RELEASES: refusing,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? "",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  const lines: string[] = [];
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  const result = once(child, "close").then(() => {
    if (!stdout) throw new Error(lines.join("\n"));
    return JSON.parse(stdout);
  });
  result.catch(() => {});
  return { child, lines, result };
}

async function until(condition: () => boolean): Promise<void> {
  await poll(condition, { everyMs: 10 });
}

const builds = () => readFileSync(path.join(folder, "builds"), "utf8").split("\n").length - 1;
const built = () => path.join(folder, `cache/warren/engine/${version}-built/pulumi`);

test("an engine on PATH is used where it is", async () => {
  const engine = put("bin/pulumi", `echo v${version}`);
  expect(await bring().result).toEqual({ path: engine, version, origin: "installed" });
});

test("an engine in ~/.pulumi is used if PATH has an old one", async () => {
  put("bin/pulumi", "echo v3.1.0");
  const engine = put("home/.pulumi/bin/pulumi", "echo v3.999.0");
  expect(await bring().result).toEqual({ path: engine, version: "3.999.0", origin: "installed" });
});

test("if the download is refused, the engine is built once, and the next run uses it", async () => {
  putGo(":");
  const first = bring();
  expect(await first.result).toEqual({ path: built(), version, origin: "built" });
  expect(first.lines.join("\n")).toContain("official engine not available: connect ECONNREFUSED");
  const second = bring();
  expect(await second.result).toEqual({ path: built(), version, origin: "built" });
  expect(second.lines).toEqual([]);
  expect(builds()).toBe(1);
});

test("two runs at once build one engine: the second reports what it waits for", async () => {
  putGo(`while [ ! -e ${folder}/go-on ]; do sleep 0.05; done`);
  const first = bring();
  await until(() => existsSync(path.join(folder, "builds")));
  const second = bring();
  await until(() => second.lines.length > 0);
  expect(second.lines[0]).toBe(
    `waiting for another run, which is installing the engine ${version} (process ${first.child.pid})`,
  );
  writeFileSync(path.join(folder, "go-on"), "");
  expect(await second.result).toEqual(await first.result);
  expect(builds()).toBe(1);
});

test("a killed build leaves nothing that looks like an engine, and the next run builds it", async () => {
  putGo(`[ -e ${folder}/go-on ] || { touch ${folder}/half; sleep 1; exit 1; }`);
  const first = bring();
  await until(() => existsSync(path.join(folder, "half")));
  first.child.kill("SIGKILL");
  await first.result.catch(() => {});
  expect(existsSync(built())).toBe(false);
  writeFileSync(path.join(folder, "go-on"), "");
  expect(await bring().result).toMatchObject({ path: built() });
  expect(readdirSync(path.join(folder, "cache/warren/engine"))).toEqual([`${version}-built`]);
});

test("a failing build is reported with Go's own message and the remedies", async () => {
  putGo('echo "no space left on device" >&2; exit 1');
  const result = await bring().result;
  expect(result).toMatchObject({ error: expect.stringMatching(/ECONNREFUSED[\s\S]*no space left on device/) });
  expect((result as { remedy: string }).remedy.split("\n")).toHaveLength(4);
});

test("a single origin can be selected", async () => {
  putGo(":");
  expect(await bring({ WARREN_ENGINE: "installed" }).result).toHaveProperty("error");
  expect(await bring({ WARREN_ENGINE: "downloaded" }).result).toHaveProperty("error");
  expect(existsSync(built())).toBe(false);
  expect(await bring({ WARREN_ENGINE: "bought" }).result).toMatchObject({ error: expect.stringContaining("bought") });
});
