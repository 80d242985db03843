import { afterEach, expect, test, vi } from "vitest";
import { DeliveryTest } from "../../tests/rigs/delivery-tests.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";

const chosen = seededChoices();

// Not proved here: the effects of a loss of power. The tests only kill processes.

const filesCount = 2000;
/** On an idle machine each takes half a minute; the limits are for a busy one. */
const waitMs = { timeout: 400_000, interval: 100 };
const heavy = { timeout: 900_000 };
const fileBytesMax = 30_000;
const readable = 0o444;
const killsCount = 8;
/** Longest time from the login to the kill. */
const lifeMsMax = 600;

let it: DeliveryTest;

afterEach(() => it.stop());

const nameOf = (count: number) => `${count}.gif`;

/** Each product has a different content and size. */
function contentOf(count: number): Buffer {
  return Buffer.alloc(1 + ((count * 7919) % fileBytesMax), `product ${count};`);
}

/** Puts all files, a few at a time, so that something can happen meanwhile. */
async function putAll(): Promise<void> {
  for (let count = 0; count < filesCount; count += 1) {
    it.put(it.nameOf(nameOf(count)), contentOf(count));
    if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Returns each new name, and some of the known names. */
class Sample {
  readonly #seen: string[] = [];
  readonly #known = new Set<string>();

  of(names: Iterable<string>): string[] {
    const fresh = [...names].filter((name) => !this.#known.has(name));
    for (const name of fresh) this.#known.add(name);
    const again = Array.from({ length: 20 }, () => this.#seen[Math.floor(chosen(this.#seen.length))]);
    this.#seen.push(...fresh);
    return [...fresh, ...again.filter((name) => name !== undefined)];
  }
}

/** Keeps checking what readers would see, and throws if that is wrong. Returns the number of rounds. */
async function watch(isOver: () => boolean, isAlwaysThere: boolean): Promise<number> {
  const [notified, there] = [new Sample(), new Sample()];
  let rounds = 0;
  while (!isOver()) {
    for (const name of notified.of(it.toldNames())) expectComplete(/\+\+([^:]*)/.exec(name)?.[1] ?? "", isAlwaysThere);
    for (const name of there.of(it.names())) if (!name.endsWith(".tmp")) expectComplete(name, false);
    rounds += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return rounds;
}

/** A readable file under a product's name must be complete. */
function expectComplete(name: string, isThere: boolean): void {
  const found = it.find(name);
  if (!found || (found.mode & readable) === 0) {
    if (isThere) throw new Error(`${name} was notified but does not exist`);
    return;
  }
  const expected = contentOf(Number.parseInt(name, 10));
  if (!found.content.equals(expected)) {
    // It may have been replaced while it was being read. A partial file would still be partial.
    const again = it.find(name);
    if (again && (again.mode & readable) !== 0 && !again.content.equals(expected))
      throw new Error(`${name} is partial`);
  }
}

test.each([
  // With lock umask a file that is delivered again is unreadable meanwhile; with another name it always exists.
  { kind: "sftp", lock: "umask", isAlwaysThere: false, server: {} },
  { kind: "sftp", lock: ".tmp", isAlwaysThere: true, server: {} },
  { kind: "ftp", lock: ".tmp", isAlwaysThere: true, server: { mode: "passive" } },
] as const)(
  "killed at random moments over 2,000 files, by $kind and lock $lock: none is lost, none is seen partial, none is notified before it exists",
  heavy,
  async ({ kind, lock, isAlwaysThere, server }) => {
    it = await DeliveryTest.start({ kind });
    const config = it.config({ lock, batch: 50 }, server);
    let isOver = false;
    const watching = watch(() => isOver, isAlwaysThere);
    watching.catch(() => {});
    const putting = putAll();
    for (let kills = 0; kills < killsCount; kills += 1) {
      const agent = it.send(config);
      await agent.logged("connected");
      // The test is about random moments, so there is no event to wait for.
      await new Promise((resolve) => setTimeout(resolve, chosen(lifeMsMax)));
      await agent.kill();
    }
    await putting;
    const last = it.send(config);
    await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
    isOver = true;
    expect(await watching).toBeGreaterThan(3);
    await last.end();
    // Partial files of the killed processes are gone as well.
    expect(it.names()).toHaveLength(filesCount);
    const notifications = it.notifications();
    for (let count = 0; count < filesCount; count += 1) {
      const name = nameOf(count);
      const found = it.find(name);
      expect(found?.mode).toBe(0o775);
      expect(found?.content.equals(contentOf(count))).toBe(true);
      const url = `http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/${name}`;
      expect(notifications.get(`radar.24_HR_ACCUM.GIF.XSS++${it.nameOf(name)}`)).toBe(url);
    }
    expect(notifications.size).toBe(filesCount);
    console.info(
      `delivery by ${kind}, lock ${lock}, killed ${killsCount} times over ${filesCount} files: 0 lost, 0 partial`,
    );
  },
);
