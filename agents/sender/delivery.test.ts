import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema, type DeliveryConfig } from "./config.ts";
import { Holds } from "./holds.ts";
import { Leftovers } from "./leftovers.ts";
import { Notifications } from "./notifications.ts";
import { ServerLink } from "./server-link.ts";
import { directoriesBelow, remotePath, type ServerConnection } from "./server-port.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "delivery-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const baseUrl = "http://dd1.weather.gc.ca/";
const place = { directory: "/dd/a b", name: "x#.gif", tree: "a b", relPath: "a b/x#.gif" };

test("a notification is a file with the priority and the current hour that contains only the URL; other folders are not touched", async () => {
  const notifications = new Notifications({ queueDirectory: folder, baseUrl });
  await notifications.prepare();
  const name = notifications.nameOf({ ...place, tree: "a/b/c" }, { name: "x:URP" });
  expect(name).toEqual({ ok: true, value: "a.b.c++x:URP" });
  await Promise.all(["1", "2", "3"].map((each) => notifications.write(each, place, { priority: 2 })));
  await notifications.write("4", place, { priority: 6 });
  const [hour = ""] = readdirSync(join(folder, "2"));
  expect(hour).toMatch(/^\d{10}$/);
  expect(readdirSync(join(folder, "2", hour)).sort()).toEqual(["1", "2", "3"]);
  expect(readFileSync(join(folder, "2", hour, "1"), "utf8")).toBe("http://dd1.weather.gc.ca/a%20b/x%23.gif");
  expect(readdirSync(folder).sort()).toEqual(["2", "3"]);
});

test("an old part of a killed process is removed at the next start, a recent one of another process is not", async () => {
  mkdirSync(join(folder, "3/2013060614"), { recursive: true });
  const at = (name: string) => join(folder, "3/2013060614", name);
  for (const name of [".notify-1-1.part", ".notify-2-1.part", ".x"]) writeFileSync(at(name), "");
  utimesSync(at(".notify-1-1.part"), 1, 1);
  utimesSync(at(".x"), 1, 1);
  await new Notifications({ queueDirectory: folder, baseUrl }).prepare();
  expect(readdirSync(join(folder, "3/2013060614")).sort()).toEqual([".notify-2-1.part", ".x"]);
});

test("a missing folder is reported with its remedy, and a name that is too long with its length", async () => {
  const notifications = new Notifications({ queueDirectory: join(folder, "none"), baseUrl });
  await expect(notifications.prepare()).rejects.toThrow("can't be used");
  await expect(notifications.write("x", place, { priority: 1 })).rejects.toThrow("ENOENT");
  expect(existsSync(join(folder, "none"))).toBe(false);
  expect(notifications.nameOf(place, { name: "n".repeat(251) })).toMatchObject({ ok: false });
});

test("partial files of a killed process are removed by the next one, and failed removals are retried", async () => {
  const file = join(folder, "parts");
  const killed = new Leftovers(file);
  await killed.load();
  await killed.begin(["d/a.tmp", "d/b.tmp"]);
  const next = new Leftovers(file);
  await next.load();
  await next.begin(["d/c.tmp"]);
  const removed: string[] = [];
  const remove = async (path: string) => {
    if (path === "d/b.tmp") throw new Error("refused");
    removed.push(path);
  };
  expect(await next.clean(remove)).toBe(1);
  expect(removed).toEqual(["d/a.tmp"]);
  expect(readFileSync(file, "utf8").split("\n").filter(Boolean).sort()).toEqual(["d/b.tmp", "d/c.tmp"]);
});

test("a subject that refuses is held for longer and longer, reported once per reason, and released by a success", () => {
  let nowMs = 0;
  const holds = new Holds({ minMs: 1000, maxMs: 8000 }, () => nowMs);
  expect(holds.refuse("d", "closed")).toBe(true);
  expect(holds.heldBy(["f", "d"])).toBe("closed");
  expect(holds.heldBy(["f"])).toBeUndefined();
  // Uploads that began before the pause don't extend it.
  expect(holds.refuse("d", "closed")).toBe(false);
  nowMs = 1001;
  expect(holds.heldBy(["d"])).toBeUndefined();
  expect(holds.refuse("d", "closed")).toBe(false);
  nowMs += 999;
  expect(holds.heldBy(["d"])).toBe("closed");
  expect(holds.clear(["d", "e"])).toEqual(["d"]);
  expect(holds.size).toBe(0);
});

test("a lost connection is reopened; failures and logins without a delivery count until a file is delivered", async () => {
  const reported: string[] = [];
  const ends: (() => void)[] = [];
  let isThere = false;
  const connect = async (): Promise<ServerConnection> => {
    if (!isThere) {
      isThere = true;
      throw new Error("refused");
    }
    let endReason: string | undefined;
    ends.push(() => {
      endReason = "cut";
    });
    return {
      uploadsAtOnce: 1,
      get endReason() {
        return endReason;
      },
      put: async () => ({ kind: "there" }),
      remove: async () => {},
      close: () => reported.push("closed"),
    };
  };
  const link = new ServerLink(
    connect,
    { minMs: 1, maxMs: 4 },
    {
      connected: () => reported.push("connected"),
      unreachable: (reason) => reported.push(`unreachable: ${reason}`),
      disconnected: (reason) => reported.push(`disconnected: ${reason}`),
    },
  );
  const { signal } = new AbortController();
  await link.ready(signal);
  const first = link.live?.tag;
  ends[0]?.();
  expect([link.live, link.problem]).toEqual([undefined, "cut"]);
  await link.ready(signal);
  expect(link.live?.tag).not.toBe(first);
  link.close();
  expect(reported).toEqual(["unreachable: refused", "connected", "disconnected: cut", "connected", "closed"]);
});

test("paths on a server: relative to the login directory, below a root, absolute", () => {
  expect([remotePath("", "a"), remotePath("/", "a"), remotePath("d", "a")]).toEqual(["a", "/a", "d/a"]);
  expect(directoriesBelow("", "a/b")).toEqual(["a", "a/b"]);
  expect(directoriesBelow("/dd", "/dd/a/b")).toEqual(["/dd/a", "/dd/a/b"]);
  expect(directoriesBelow("/", "/a")).toEqual(["/a"]);
  expect(directoriesBelow("dd", "dd")).toEqual([]);
});

test("the example of a delivery is a valid config, that of the original system: lock umask, 775, batch 100", async () => {
  const example = await loadConfig(configSchema, join(import.meta.dirname, "example-sftp.json"), {});
  expect(example).toMatchObject({ type: "sftp", lock: "umask", chmod: "775", batch: 100 });
});

test("the type decides the keys of a config; all mistakes in a delivery are reported at once", () => {
  const least = { metrics: { port: 0 }, queueDirectory: "/txq", type: "sftp" };
  const good = {
    ...least,
    rules: [{ accept: "x" }],
    server: { host: "h", user: "u", keyFile: "k", knownHostsFile: "f" },
  };
  expect((configSchema.parse(good) as DeliveryConfig).lock).toBe(".tmp");
  const bad = {
    ...least,
    rules: [
      { accept: "x", directory: "/abs" },
      { reject: "y", directory: "z" },
    ],
    server: { host: "h", user: "u" },
  };
  const issues = configSchema.safeParse(bad).error?.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
  expect(issues).toEqual([
    expect.stringContaining("rules.0.directory is absolute"),
    expect.stringContaining("rules.1.directory needs accept"),
    expect.stringContaining("server expected keyFile or passwordFile"),
    expect.stringContaining("server expected knownHostsFile or hostKeys"),
  ]);
  const mistaken = { ...good, lock: "none", chmod: "888", broker: {} };
  const reported = configSchema
    .safeParse(mistaken)
    .error?.issues.map(({ message }) => message)
    .join("\n");
  expect(reported).toContain("three octal digits");
  expect(reported).toContain("broker");
});
