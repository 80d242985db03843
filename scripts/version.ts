import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "./engine/places.ts";
import { pinnedVersions } from "./engine/toolchain/versions.ts";

/** `warren 0.1.0, commit 3fb1c2d0, engine 3.259.0, Node v24.21.0`: what a report of a fault needs. */
export function versionText(): string {
  const { version } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as { readonly version: string };
  return `warren ${version}, ${commit()}, engine ${pinnedVersions().engine}, Node ${process.version}`;
}

/** Of a clone; a copy without git's folder has none, even inside another repository. */
function commit(): string {
  try {
    if (git("rev-parse", "--show-prefix") !== "") return unknownCommit;
    const changes = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " with changes";
    return `commit ${git("rev-parse", "--short", "HEAD")}${changes}`;
  } catch {
    return unknownCommit;
  }
}

const unknownCommit = "no commit known";

const git = (...words: string[]): string =>
  execFileSync("git", ["--no-optional-locks", "-C", checkout, ...words], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
