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

test("a notification is a file of its own priority and this hour, whole, with the URL alone; others are not touched", async () => {
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

test("what a process left in work long ago is removed at the next start, what another one has in work now is not", async () => {
  mkdirSync(join(folder, "3/2013060614"), { recursive: true });
  const at = (name: string) => join(folder, "3/2013060614", name);
  for (const name of [".notify-1-1.part", ".notify-2-1.part", ".x"]) writeFileSync(at(name), "");
  utimesSync(at(".notify-1-1.part"), 1, 1);
  utimesSync(at(".x"), 1, 1);
  await new Notifications({ queueDirectory: folder, baseUrl }).prepare();
  expect(readdirSync(join(folder, "3/2013060614")).sort()).toEqual([".notify-2-1.part", ".x"]);
});

test("a folder that isn't there is told with its remedy, and a name that is too long with its length", async () => {
  const notifications = new Notifications({ queueDirectory: join(folder, "none"), baseUrl });
  await expect(notifications.prepare()).rejects.toThrow("can't be used");
  await expect(notifications.write("x", place, { priority: 1 })).rejects.toThrow("ENOENT");
  expect(existsSync(join(folder, "none"))).toBe(false);
  expect(notifications.nameOf(place, { name: "n".repeat(251) })).toMatchObject({ ok: false });
});

test("parts of a process that was killed are removed by the next one, and those that can't be are tried again", async () => {
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

test("what refuses is left in peace for longer and longer, told once for a reason, and free when something gets through", () => {
  let nowMs = 0;
  const holds = new Holds({ minMs: 1000, maxMs: 8000 }, () => nowMs);
  expect(holds.refuse("d", "closed")).toBe(true);
  expect(holds.heldBy(["f", "d"])).toBe("closed");
  expect(holds.heldBy(["f"])).toBeUndefined();
  // Those that were under way as it began make it no longer.
  expect(holds.refuse("d", "closed")).toBe(false);
  nowMs = 1001;
  expect(holds.heldBy(["d"])).toBeUndefined();
  expect(holds.refuse("d", "closed")).toBe(false);
  nowMs += 999;
  expect(holds.heldBy(["d"])).toBe("closed");
  expect(holds.clear(["d", "e"])).toEqual(["d"]);
  expect(holds.size).toBe(0);
});

test("a connection that ends is made anew; failures and logins that lead to nothing count until a file gets through", async () => {
  const told: string[] = [];
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
      close: () => told.push("closed"),
    };
  };
  const link = new ServerLink(
    connect,
    { minMs: 1, maxMs: 4 },
    {
      connected: () => told.push("connected"),
      unreachable: (reason) => told.push(`unreachable: ${reason}`),
      disconnected: (reason) => told.push(`disconnected: ${reason}`),
    },
  );
  const { signal } = new AbortController();
  await link.ready(signal);
  const first = link.live?.tag;
  ends[0]?.();
  expect([link.live, link.trouble]).toEqual([undefined, "cut"]);
  await link.ready(signal);
  expect(link.live?.tag).not.toBe(first);
  link.close();
  expect(told).toEqual(["unreachable: refused", "connected", "disconnected: cut", "connected", "closed"]);
});

test("paths of a server: from where a login begins, below a root, from its own root", () => {
  expect([remotePath("", "a"), remotePath("/", "a"), remotePath("d", "a")]).toEqual(["a", "/a", "d/a"]);
  expect(directoriesBelow("", "a/b")).toEqual(["a", "a/b"]);
  expect(directoriesBelow("/dd", "/dd/a/b")).toEqual(["/dd/a", "/dd/a/b"]);
  expect(directoriesBelow("/", "/a")).toEqual(["/a"]);
  expect(directoriesBelow("dd", "dd")).toEqual([]);
});

test("the example of a delivery is a whole config, the source's: lock umask, 775, batch 100", async () => {
  const example = await loadConfig(configSchema, join(import.meta.dirname, "example-sftp.json"), {});
  expect(example).toMatchObject({ type: "sftp", lock: "umask", chmod: "775", batch: 100 });
});

test("a config says by type what it is; a delivery's faults come all at once", () => {
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
    expect.stringContaining("rules.1.directory belongs to accept"),
    expect.stringContaining("server expected keyFile or passwordFile"),
    expect.stringContaining("server expected knownHostsFile or hostKeys"),
  ]);
  const mistaken = { ...good, lock: "none", chmod: "888", broker: {} };
  const told = configSchema
    .safeParse(mistaken)
    .error?.issues.map(({ message }) => message)
    .join("\n");
  expect(told).toContain("three octal digits");
  expect(told).toContain("broker");
});
