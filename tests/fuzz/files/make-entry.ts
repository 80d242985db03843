import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { Entry } from "./entries.ts";

/** Where entries are made, and what they may point to. */
export interface Surroundings {
  /** Outside of all that the agent is to read, on the same disk. */
  readonly outside: string;
  /** In `outside`. */
  readonly secretFile: string;
  /** In `outside`, with a file in it that is called as `secretName`. */
  readonly secretFolder: string;
  readonly secretName: string;
  /** A name in use in each folder. */
  readonly nameInUse: string;
  readonly largeBytes: number;
  /** Of what is made. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** What has to be done at the end. */
  readonly servers: Server[];
}

/** Seen under its name at the very end, as the kind of it says. */
export type Made = "file" | "changing" | "never";

const deepNames = 30;
const deepName = "d".repeat(180);

/**
 * Makes one entry, and does to it at once what is to be done to it while it is read.
 *
 * @returns `file`: it is one and stays as it is. `changing`: it may be seen in one of several states. `never`: it must not be read
 */
export function makeEntry(folder: string, entry: Entry, content: Buffer, around: Surroundings): Made {
  const path = Buffer.concat([Buffer.from(`${folder}/`), entry.name]);
  const other = join(around.outside, "other");
  // Never into what is there: that may be a pipe of another input.
  const put = (bytes: Buffer = content) => writeFileSync(path, bytes, { flag: "wx" });
  const replace = (make: (at: string) => void): Made => {
    put();
    make(other);
    renameSync(other, path);
    return "changing";
  };
  switch (entry.kind) {
    case "file":
      put();
      if (entry.modifiedSeconds !== undefined) setTime(path, entry.modifiedSeconds);
      return "file";
    case "empty":
      put(Buffer.alloc(0));
      return "changing";
    case "sparse":
      put();
      truncateSync(path, around.largeBytes);
      return "changing";
    case "closed-file":
      put();
      chmodSync(path, 0);
      return "changing";
    case "hard-link":
      writeFileSync(other, content);
      linkSync(other, path);
      rmSync(other);
      return "file";
    case "in-use":
      writeFileSync(join(folder, around.nameInUse), content);
      return "changing";
    case "grows":
      put();
      appendFileSync(path, content);
      return "changing";
    case "shrinks":
      put();
      truncateSync(path, 1);
      return "changing";
    case "vanishes":
      put();
      rmSync(path);
      return "changing";
    case "replaced":
      return replace((at) => writeFileSync(at, Buffer.concat([content, content])));
    case "replaced-by-link":
      return replace((at) => symlinkSync(around.secretFile, at));
    case "replaced-by-pipe":
      return replace((at) => execFileSync("mkfifo", [at]));
    case "replaced-by-folder":
      put();
      rmSync(path);
      mkdirSync(path);
      return "changing";
    default:
      return makeOther(path, entry, content, around);
  }
}

/** Numbers below nought Node takes for none, and dates end before some of these. */
function setTime(path: Buffer, seconds: number): void {
  const time = seconds < 0 ? new Date(seconds * 1000) : seconds;
  utimesSync(path, time, time);
}

function makeOther(path: Buffer, { kind }: Entry, content: Buffer, around: Surroundings): Made {
  const inner = (name: string) => Buffer.concat([path, Buffer.from(`/${name}`)]);
  const folder = (mode: number): Made => {
    mkdirSync(path);
    writeFileSync(inner("inside"), content);
    chmodSync(path, mode);
    return "changing";
  };
  const special = (...options: string[]): Made => {
    // A name that is not UTF-8 is no argument of a command here.
    const at = join(around.outside, "special");
    execFileSync("mknod", [at, ...options]);
    renameSync(at, path);
    return "never";
  };
  switch (kind) {
    case "link-to-secret":
      return link(around.secretFile, path);
    case "link-to-folder":
      return link(around.secretFolder, path);
    case "link-to-nothing":
      return link(join(around.outside, "nothing"), path);
    case "link-to-itself":
      return link(path, path);
    case "link-loop":
      return link(".", path);
    case "link-to-device":
      return link("/dev/zero", path);
    case "pipe":
      return special("p");
    case "device":
      return special("c", "1", "5");
    case "socket":
      return bind(path, around);
    case "folder":
      mkdirSync(path);
      return "changing";
    case "full-folder":
      return folder(0o755);
    case "closed-folder":
      return folder(0);
    case "unlisted-folder":
      return folder(0o111);
    case "named-only-folder":
      return folder(0o444);
    case "deep-folder":
      return nest(path, around);
    case "moved-folder": {
      folder(0o755);
      const at = join(around.outside, `moved-${around.servers.length}-${content.length}`);
      rmSync(at, { recursive: true, force: true });
      renameSync(path, at);
      return "changing";
    }
    default: {
      // Its file is called as one outside: whoever follows the link takes that one for it.
      mkdirSync(path);
      writeFileSync(inner(around.secretName), content);
      rmSync(path, { recursive: true });
      symlinkSync(around.secretFolder, path);
      return "changing";
    }
  }
}

function link(target: string | Buffer, path: Buffer): Made {
  symlinkSync(target, path);
  return "never";
}

function bind(path: Buffer, around: Surroundings): Made {
  const at = join(around.outside, "s");
  const server = createServer().listen(at);
  server.unref();
  around.servers.push(server);
  renameSync(at, path);
  return "never";
}

/** Deeper than PATH_MAX: each folder is made elsewhere around the one below it. */
function nest(path: Buffer, around: Surroundings): Made {
  const at = join(around.outside, "nest");
  const wrap = join(around.outside, "wrap");
  mkdirSync(at);
  closeSync(openSync(join(at, "bottom"), "w"));
  for (let depth = 0; depth < deepNames; depth += 1) {
    mkdirSync(wrap);
    chownSync(wrap, around.owner.uid, around.owner.gid);
    renameSync(at, join(wrap, deepName));
    renameSync(wrap, at);
  }
  renameSync(at, path);
  return "changing";
}
