import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { DeliveryTest } from "../../tests/rigs/delivery-tests.ts";

// Real servers, sshd and vsftpd, on loopback. Not proved here: whether a server keeps confirmed files after a loss of power.

/** On an idle machine these take seconds; the limits are for a busy one. */
const waitMs = { timeout: 150_000, interval: 50 };
const heavy = { timeout: 400_000 };
const large = Buffer.alloc(40_000, "x");

let it: DeliveryTest;

afterEach(() => it.stop());

const kinds = [
  { name: "sftp", kind: "sftp", server: {} },
  { name: "ftp, passive", kind: "ftp", server: { mode: "passive" } },
  { name: "ftp, active", kind: "ftp", server: { mode: "active" } },
] as const;

const url = (name: string) => `http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/${name}`;

describe.each(kinds)("$name", heavy, ({ kind, server }) => {
  test.each(["umask", ".tmp"])(
    "delivers the txq's files by lock %s: complete, with their mode, notified, logged like Sundew, removed here",
    async (lock) => {
      it = await DeliveryTest.start({ kind });
      const name = "201306061440_XSS_24_HR_ACCUM_MM.gif";
      const agent = it.send(it.config({ lock }, server));
      it.put(it.nameOf(name), large);
      it.put(it.nameOf("a b#%é'\"$;-.gif"), "awkward");
      it.put(it.nameOf("-rf"), "awkward, too");
      await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
      expect(it.find(name)).toEqual({ mode: 0o775, content: large });
      expect(it.names().sort()).toEqual(["-rf", name, "a b#%é'\"$;-.gif"].sort());
      const notifications = it.notifications();
      expect(notifications.get(`radar.24_HR_ACCUM.GIF.XSS++${it.nameOf(name)}`)).toBe(url(name));
      const awkward = url("a%20b%23%25%C3%A9'%22$;-.gif");
      expect(notifications.get(`radar.24_HR_ACCUM.GIF.XSS++${it.nameOf("a b#%é'\"$;-.gif")}`)).toBe(awkward);
      const file = `${it.folder}/txq/3/new/${it.nameOf(name)}`;
      const to = `${kind}://wxofeed@127.0.0.1/radar/24_HR_ACCUM/GIF/XSS/${name}`;
      const words = `(40000 Bytes) File ${file} delivered to ${to} (lat=`;
      // The file is removed before the line is logged.
      const line = await vi.waitUntil(() => agent.lines.find(({ msg }) => msg?.startsWith(words)), waitMs);
      expect(line.msg?.slice(words.length)).toMatch(/^\d+\.\d{6},speed=\d+\.\d{6}\)$/);
      expect(await agent.metric("delivered_total")).toBe(3);
      expect(await agent.health()).toMatchObject({ connectionTo: "server", connected: true, done: 3, waiting: 0 });
      // Again, replacing the existing file.
      it.put(it.nameOf(name), "newer");
      await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
      expect(it.find(name)).toEqual({ mode: 0o775, content: Buffer.from("newer") });
      expect(await agent.end()).toEqual([0, null]);
    },
  );

  test("a server that is killed and restarted gets the remaining files; no partial file has a product's name", async () => {
    it = await DeliveryTest.start({ kind });
    const agent = it.send(it.config({ batch: 20 }, { ...server, idleTimeoutMs: 60_000 }));
    const names = Array.from({ length: 150 }, (_, count) => `${count}.gif`);
    for (const name of names) it.put(it.nameOf(name), large);
    await vi.waitFor(() => expect(it.names().length).toBeGreaterThan(20), waitMs);
    await it.server.kill();
    // Makes sure that one file is left that has to wait.
    names.push("last.gif");
    it.put(it.nameOf("last.gif"), large);
    await agent.logged(/no connection: files wait/);
    expect((await agent.health()).oldestWaitingSeconds).toBeLessThan(waitMs.timeout / 1000);
    const complete = it.names().filter((name) => !name.endsWith(".tmp"));
    for (const name of complete) expect(it.find(name)?.content.length).toBe(large.length);
    for (const notified of it.notifications().values()) expect(complete.map(url)).toContain(notified);
    await it.server.start();
    await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
    expect(it.names().sort()).toEqual(names.sort());
    expect(it.notifications().size).toBe(names.length);
    await vi.waitFor(async () => expect(Date.parse((await agent.health()).lastDoneAt ?? "")).not.toBeNaN(), waitMs);
    expect((await agent.health()).oldestWaitingSeconds).toBeUndefined();
    await agent.logged("disconnected");
  });

  test("with a full disk on the server some files are complete, others wait with the reason and are delivered when there is room", async () => {
    it = await DeliveryTest.start({ kind, diskBytes: 1_000_000 });
    const agent = it.send(it.config({}, server));
    const names = Array.from({ length: 40 }, (_, count) => `${count}.gif`);
    for (const name of names) it.put(it.nameOf(name), large);
    const held = await agent.logged(/^refused: nothing is lost/);
    expect(held.reason).toMatch(/disk is full|writing to local file/);
    expect(it.left().length).toBeGreaterThan(0);
    const arrived = new Set<string>();
    await vi.waitFor(() => {
      for (const name of it.names().filter((each) => !each.endsWith(".tmp"))) {
        expect(it.find(name)?.content.length).toBe(large.length);
        arrived.add(name);
        // Removing it makes room.
        rmSync(it.server.see("radar/24_HR_ACCUM/GIF/XSS", name));
      }
      expect(it.left()).toEqual([]);
    }, waitMs);
    for (const name of it.names()) arrived.add(name);
    expect([...arrived].sort()).toEqual(names.sort());
    expect(await agent.metric('failed_total{reason="room"}')).toBeGreaterThan(0);
  });

  test("a directory that refuses delays only its own files, until it accepts them", async () => {
    it = await DeliveryTest.start({ kind });
    mkdirSync(it.server.see("closed"), { mode: 0o755 });
    const rules = [
      { accept: "closed", directory: "closed" },
      { accept: ".*", directory: "radar/24_HR_ACCUM/GIF/XSS" },
    ];
    const agent = it.send(it.config({ rules }, server));
    it.put("closed:1", "waits");
    const held = await agent.logged(/^refused: nothing is lost/);
    expect(held.reason).toContain("closed");
    for (const name of ["a", "b", "c"]) it.put(name, "goes");
    await vi.waitFor(() => expect(it.left()).toEqual(["closed:1"]), waitMs);
    expect(it.names().sort()).toEqual(["a", "b", "c"]);
    chmodSync(it.server.see("closed"), 0o777);
    await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
    await agent.logged("accepted again");
  });

  test("a file whose name makes no valid place is set aside with the reason, and the next one is delivered", async () => {
    it = await DeliveryTest.start({ kind });
    const rules = [{ accept: "[a-z]*([^:]*):", directory: "radar/24_HR_ACCUM/GIF/XSS/$".concat("{0}") }];
    it.send(it.config({ rules, batch: 3, lock: ".tmp" }, server));
    const long = "n".repeat(250);
    for (const name of ["up..:x", ":nothing", `${long}:a`, "line\nbreak:x"]) it.put(name, "x");
    it.put("fine:x", "x");
    await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
    const aside = it.aside();
    expect(Object.keys(aside).sort()).toEqual(["up..:x", ":nothing", "line\nbreak:x", `${long}:a`].sort());
    expect(aside["up..:x"]).toContain('".." part');
    expect(aside[":nothing"]).toContain('its name on the server would be ""');
    expect(aside[`${long}:a`]).toMatch(/name .*would have \d+ bytes, at most 255/);
    expect(it.names()).toEqual(["fine"]);
  });
});
