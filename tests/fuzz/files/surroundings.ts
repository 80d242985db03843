import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { checkout } from "../../../scripts/engine/places.ts";
import type { Owner, Rig } from "../rig.ts";

/** A user without files: permissions apply to it, as to the agents' user. */
const nobody: Owner = { uid: 65_534, gid: 65_534 };
export const flipName = "flip";
/** Makes everything again that the agent removes. */
const flipper = `
const { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } = require("node:fs");
const [folder, away, target] = process.argv.slice(1);
const pause = new Int32Array(new SharedArrayBuffer(4));
const steps = [
  () => mkdirSync(folder), () => writeFileSync(folder + "/known", "inside"), () => renameSync(folder, away),
  () => symlinkSync(target, folder), () => Atomics.wait(pause, 0, 0, 1), () => unlinkSync(folder), () => renameSync(away, folder),
  () => Atomics.wait(pause, 0, 0, 1),
];
for (;;) for (const step of steps) try { step(); } catch {}
`;
const secretBytes = 7777;
/** Content of files outside; no input has this size. */
export const secret = Buffer.alloc(secretBytes, "secret ");

/** @returns nobody, if this process may become that user and that user may read the agents' programs */
export function unprivileged(): Owner | undefined {
  const test = ["test", "-r", join(checkout, "agents/lib/scan.ts")];
  const argv = [`--reuid=${nobody.uid}`, `--regid=${nobody.gid}`, "--clear-groups", "--", ...test];
  return process.getuid?.() === 0 && spawnSync("setpriv", argv).status === 0 ? nobody : undefined;
}

/** The surroundings of the folder that an agent reads, on the same disk. */
export class Surroundings {
  /** A folder that the agent must not read. */
  readonly outside: string;
  readonly secretFile: string;
  /** Contains a file named `secretName`. */
  readonly secretFolder: string;
  readonly secretName = "known";
  /** The name of a file that exists in each folder. */
  readonly nameInUse = "in-use";
  readonly largeBytes: number;
  readonly owner: Owner;
  readonly servers: Server[] = [];
  readonly #rig: Rig;

  /** @param largeBytes size of sparse files: an agent that reads contents reads this much */
  constructor(rig: Rig, owner: Owner | undefined, largeBytes: number) {
    this.#rig = rig;
    this.largeBytes = largeBytes;
    this.owner = owner ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    this.outside = rig.makeFolder("outside");
    this.secretFolder = rig.makeFolder("outside", "folder");
    this.secretFile = join(this.outside, "secret");
    for (const file of [this.secretFile, join(this.secretFolder, this.secretName)]) writeFileSync(file, secret);
    rig.cleanup.add(() => {
      for (const server of this.servers) server.close();
    });
  }

  /** Makes folders of the tree that the agent reads, each with a file named `nameInUse`. */
  makeFolders(root: string, folders: readonly string[]): void {
    for (const folder of folders) {
      let path = root;
      for (const name of folder.split("/")) {
        path = join(path, name);
        mkdirSync(path, { recursive: true });
        chownSync(path, this.owner.uid, this.owner.gid);
      }
      writeFileSync(join(path, this.nameInUse), "in use");
    }
  }

  /**
   * Alternates a folder of `root`, until the cleanup, between a real folder with a file and a link to the secret folder with a file of the same
   * name: a reader that checks first and opens later may open the wrong file.
   */
  flip(root: string): void {
    const argv = ["-e", flipper, join(root, flipName), join(this.outside, "flipped"), this.secretFolder];
    const child = spawn(process.execPath, argv, { stdio: "ignore", ...this.owner });
    this.#rig.cleanup.add(() => child.kill("SIGKILL"));
  }

  /** Whether the secret folder is unchanged. */
  get isSecretKept(): boolean {
    return existsSync(join(this.secretFolder, this.secretName)) && readdirSync(this.secretFolder).length === 1;
  }
}
