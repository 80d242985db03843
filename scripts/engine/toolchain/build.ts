import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { makeComplete } from "../../lib/files.ts";
import { runLines } from "../../lib/lines.ts";
import { findGo, moduleFolder } from "./go.ts";
import { askVersion } from "./installed.ts";
import type { Progress } from "./progress.ts";

/** The package of the engine's command line, a tool of scripts/engine/toolchain/go.mod. */
const enginePackage = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

export interface BuildOptions {
  readonly version: string;
  /** The folder to create for `pulumi`. */
  readonly target: string;
  /** While the build is unfinished, holds downloaded modules and compiled objects, so that the next build can continue. */
  readonly cache: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** Modules and objects of an unfinished build. */
export const buildFolder = (cache: string): string => path.join(cache, "engine-build");

/**
 * Builds the engine from its published Go module: about four minutes on two cores, 115 MB.
 *
 * @throws NoGo where Go can't be installed, ProgramFailed where Go fails (a module proxy refuses, the disk is full).
 */
export async function buildEngine(options: BuildOptions): Promise<void> {
  const { version, target, cache, progress, signal } = options;
  const work = buildFolder(cache);
  const go = await findGo(work, progress, signal);
  const env = {
    ...process.env,
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    // No C compiler: a bare machine has none, and the official engine is built without one, too.
    CGO_ENABLED: "0",
    // A separate folder, so that 3 GB of modules and objects can be removed at the end.
    GOCACHE: path.join(work, "objects"),
    GOMODCACHE: path.join(work, "modules"),
    GOFLAGS: "-mod=readonly -modcacherw -buildvcs=false",
  };
  progress.line(
    `building the engine ${version} from its Go module: about 4 minutes on two cores, once for all checkouts`,
  );
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);

  let modules = 0;
  let packages = 0;
  const inModule = { cwd: moduleFolder, env, signal };
  await runLines(go, ["list", "-deps", enginePackage], inModule, (line, from) => {
    if (from === "stdout") packages += 1;
    else if (line.startsWith("go: downloading")) modules += 1;
    progress.status(`building the engine: ${modules} modules downloaded, ${seconds()} s`);
  });
  await makeComplete(target, async (temporary) => {
    await mkdir(temporary);
    const built = path.join(temporary, "pulumi");
    const flags = ["-v", "-trimpath", "-ldflags", `-s -w -X ${versionVariable}=v${version}`];
    let compiled = 0;
    const show = () => progress.status(`building the engine: ${compiled} of ${packages} packages, ${seconds()} s`);
    const ticking = setInterval(show, 1000);
    try {
      await runLines(go, ["build", ...flags, "-o", built, enginePackage], inModule, () => {
        compiled += 1;
        show();
      });
    } finally {
      clearInterval(ticking);
    }
    const said = await askVersion(built);
    if (said !== version) throw new Error(`the engine just built reports version ${said ?? "nothing"}, not ${version}`);
  });
  await rm(work, { recursive: true, force: true });
  progress.line(`engine ${version} built in ${seconds()} s`);
}
