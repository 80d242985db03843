import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { poll } from "../../lib/poll.ts";

// The real launcher, in a checkout of three files, with only the programs on PATH that a test puts there. npm, apt-get and id are
// stand-ins; every fresh clone tests the real npm.
const launcher = path.resolve(import.meta.dirname, "../../../warren");
const needed = ["sh", "cksum", "mkdir", "readlink", "rm", "tail", "flock", "cat", "chmod", "touch", "sleep", "ln"];

let folder: string;
let checkout: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "warren-launcher-")));
  checkout = path.join(folder, "checkout");
  mkdirSync(path.join(folder, "bin"));
  mkdirSync(path.join(checkout, "scripts"), { recursive: true });
  copyFileSync(launcher, path.join(checkout, "warren"));
  for (const name of needed) symlinkSync(programPath(name), path.join(folder, "bin", name));
  lock({ "node_modules/a": { version: "1.0.0" } });
  const cli =
    "console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), node: process.execPath }));";
  writeFileSync(path.join(checkout, "scripts/cli.ts"), cli);
  put("id", "echo 1000");
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

function programPath(name: string): string {
  const found = ["/usr/bin", "/bin"].map((each) => path.join(each, name)).find((each) => existsSync(each));
  if (!found) throw new Error(`this test needs ${name} on the machine`);
  return found;
}

function put(name: string, text: string): void {
  const file = path.join(folder, "bin", name);
  rmSync(file, { force: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

function lock(packages: Record<string, object>): void {
  const text = JSON.stringify({ packages: { "": { name: "warren" }, ...packages } });
  writeFileSync(path.join(checkout, "package-lock.json"), text);
}

/** A bootstrap Node of a major version, and an npm stand-in that writes the hidden lock file last, like npm. */
function putNodeAndNpm(options: { major?: number; during?: string } = {}): void {
  put("node", `[ "$1" = -v ] && echo v${options.major ?? 20}.0.0 || echo ${options.major ?? 20}`);
  put(
    "npm",
    `echo "$*" >>${folder}/npm-calls
[ "$1" = ci ] || exit 0
rm -rf node_modules
mkdir -p node_modules/node-linux-${process.arch}/bin
ln -s ${process.execPath} node_modules/node-linux-${process.arch}/bin/node
${options.during ?? ":"}
cat package-lock.json >node_modules/.package-lock.json`,
  );
}

const installs = () =>
  existsSync(path.join(folder, "npm-calls"))
    ? readFileSync(path.join(folder, "npm-calls"), "utf8")
        .split("\n")
        .filter((line) => line.startsWith("ci ")).length
    : 0;

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[] = [], program = path.join(checkout, "warren"), cwd = folder) {
  const env = { PATH: path.join(folder, "bin") };
  const child = spawn("/bin/sh", [program, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      printed[name] += text;
    });
  }
  const result: Promise<Result> = once(child, "close").then(([code]) => ({ code, ...printed }));
  return { child, printed, result };
}

const run = (...args: string[]) => start(args).result;

async function until(condition: () => boolean): Promise<void> {
  await poll(condition, { everyMs: 10 });
}

describe("without Node", () => {
  test("it names the packages and how to install them", async () => {
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toContain("nodejs npm not found");
    expect(stderr).toContain("remedy: install the packages nodejs and npm");
  });

  test("as root with apt-get it announces and installs them", async () => {
    put("id", "echo 0");
    putNodeAndNpm();
    for (const name of ["node", "npm"]) copyFileSync(path.join(folder, "bin", name), path.join(folder, name));
    for (const name of ["node", "npm"]) rmSync(path.join(folder, "bin", name));
    const install = `ln ${folder}/node ${folder}/bin/node; ln ${folder}/npm ${folder}/bin/npm`;
    put("apt-get", `echo "apt-get $*" >>${folder}/apt-calls; case "$*" in *install*) ${install} ;; esac`);
    const { code, stderr, stdout } = await run("status");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain("nodejs npm missing: installing with apt-get");
    expect(JSON.parse(stdout)).toMatchObject({ args: ["status"] });
    const calls = readFileSync(path.join(folder, "apt-calls"), "utf8").trim().split("\n");
    expect(calls).toEqual(["apt-get -q update", "apt-get -q -y --no-install-recommends install nodejs npm"]);
  });

  test("a failing apt-get is reported with its own message", async () => {
    put("id", "echo 0");
    put("apt-get", 'echo "E: no network" >&2; exit 100');
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toMatch(/E: no network\n.*apt-get could not install nodejs npm/);
  });
});

test("a Node too old to start npm is refused, with its version", async () => {
  putNodeAndNpm({ major: 12 });
  const { code, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toContain("Node v12.0.0");
  expect(stderr).toContain("18 or later");
});

test("a missing node_modules is installed with one line of output, and the verb runs with the project's Node", async () => {
  putNodeAndNpm({ during: "echo 'npm warn EBADENGINE' >&2" });
  const { code, stdout, stderr } = await run("up", "-s", "lab", "two words");
  expect(code).toBe(0);
  expect(stderr).toBe(
    "warren: node_modules is missing or incomplete: bringing the dependencies (npm ci, under a minute)\n",
  );
  expect(JSON.parse(stdout)).toEqual({ args: ["up", "-s", "lab", "two words"], cwd: folder, node: process.execPath });
});

test("with nothing to do it neither needs npm nor prints anything", async () => {
  putNodeAndNpm();
  await run();
  rmSync(path.join(folder, "bin/npm"));
  rmSync(path.join(folder, "bin/node"));
  expect(await run()).toMatchObject({ code: 0, stderr: "" });
  expect(installs()).toBe(1);
});

test("a lock file with another version reinstalls the dependencies", async () => {
  putNodeAndNpm();
  await run();
  lock({ "node_modules/a": { version: "2.0.0" } });
  expect((await run()).stderr).toContain("node_modules is not what package-lock.json asks for");
  expect(installs()).toBe(2);
});

test("dependencies installed by hand are used as they are, with or without optional packages of other platforms", async () => {
  putNodeAndNpm();
  await run();
  const packages = { "node_modules/a": { version: "2.0.0" } };
  lock({ ...packages, "node_modules/b": { version: "1.0.0", optional: true } });
  writeFileSync(path.join(checkout, "node_modules/.package-lock.json"), JSON.stringify({ packages }));
  expect(await run()).toMatchObject({ code: 0, stderr: "" });
  expect(installs()).toBe(1);
});

test("a failed install shows npm's last lines, and the next start retries", async () => {
  putNodeAndNpm({ during: 'echo "npm error 403" >&2; exit 1' });
  const { code, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toContain("npm error 403");
  expect(stderr).toContain("remedy:");
  putNodeAndNpm();
  expect((await run()).code).toBe(0);
});

test("an install without Node, which npm skips silently if it can't be downloaded, is reported as such, and repeated", async () => {
  putNodeAndNpm({ during: "rm -r node_modules/node-linux-*" });
  const { code, stderr } = await run();
  expect(code).toBe(1);
  expect(stderr).toContain("npm ci installed no Node that runs on this machine");
  expect(stderr).toContain("--loglevel=verbose");
  putNodeAndNpm();
  expect(await run()).toMatchObject({ code: 0 });
});

test("an install by an earlier version, with another Node, is replaced", async () => {
  putNodeAndNpm();
  await run();
  rmSync(path.join(checkout, `node_modules/node-linux-${process.arch}`), { recursive: true });
  mkdirSync(path.join(checkout, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, path.join(checkout, "node_modules/node/bin/node"));
  const { code, stderr } = await run();
  expect(code).toBe(0);
  expect(stderr).toContain("node_modules is not what package-lock.json asks for");
  expect(installs()).toBe(2);
});

test("two starts at once install once: the second reports that it waits", async () => {
  putNodeAndNpm({ during: `while [ ! -e ${folder}/go-on ]; do sleep 0.05; done` });
  const first = start();
  await until(() => installs() === 1);
  const second = start();
  await until(() => second.printed.stderr !== "");
  expect(second.printed.stderr).toBe("warren: another start is bringing the dependencies: waiting for it\n");
  writeFileSync(path.join(folder, "go-on"), "");
  expect((await first.result).code).toBe(0);
  expect((await second.result).code).toBe(0);
  expect(installs()).toBe(1);
});

test("a killed install is repaired by the next start", async () => {
  putNodeAndNpm({ during: `[ -e ${folder}/go-on ] || { sleep 0.3; exit 1; }` });
  const first = start();
  await until(() => installs() === 1);
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  writeFileSync(path.join(folder, "go-on"), "");
  expect((await run()).code).toBe(0);
  expect(existsSync(path.join(checkout, "node_modules/.package-lock.json"))).toBe(true);
});

test("it works through a symbolic link and from any folder, which stays the verb's working folder", async () => {
  putNodeAndNpm();
  mkdirSync(path.join(folder, "else where"));
  symlinkSync(path.join(checkout, "warren"), path.join(folder, "else where/w"));
  const { result } = start(["x"], "./w", path.join(folder, "else where"));
  expect(JSON.parse((await result).stdout)).toMatchObject({ args: ["x"], cwd: path.join(folder, "else where") });
});

test("the verb's exit code is the launcher's", async () => {
  putNodeAndNpm();
  writeFileSync(path.join(checkout, "scripts/cli.ts"), "process.exitCode = 7;");
  expect((await run()).code).toBe(7);
});
