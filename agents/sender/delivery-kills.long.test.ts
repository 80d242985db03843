import { afterEach, expect, test, vi } from "vitest";
import { DeliveryTest } from "../../tests/rigs/delivery-tests.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";

const chosen = seededChoices();

// Not proved here: what a loss of power does, only a kill.

const filesCount = 2000;
/** On a machine that does nothing else each takes half a minute; the limits are for one that does. */
const waitMs = { timeout: 400_000, interval: 100 };
const heavy = { timeout: 900_000 };
const fileBytesMax = 30_000;
const readable = 0o444;
const killsCount = 8;
/** From the login to the kill, at the most. */
const lifeMsMax = 600;

let it: DeliveryTest;

afterEach(() => it.stop());

const nameOf = (count: number) => `${count}.gif`;

/** Different ones, of different sizes. */
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

/** Each name as soon as it is seen, and of those that were seen before some at a time. */
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

/** Looks, again and again, at what others would see; what must never be is thrown. Answers how often it looked. */
async function watch(isOver: () => boolean, isAlwaysThere: boolean): Promise<number> {
  const [told, there] = [new Sample(), new Sample()];
  let looksCount = 0;
  while (!isOver()) {
    for (const name of told.of(it.toldNames())) expectWhole(/\+\+([^:]*)/.exec(name)?.[1] ?? "", isAlwaysThere);
    for (const name of there.of(it.names())) if (!name.endsWith(".tmp")) expectWhole(name, false);
    looksCount += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return looksCount;
}

/** What anybody may read under a product's name is all of it. */
function expectWhole(name: string, isThere: boolean): void {
  const found = it.find(name);
  if (!found || (found.mode & readable) === 0) {
    if (isThere) throw new Error(`${name} was told of and is not there`);
    return;
  }
  const whole = contentOf(Number.parseInt(name, 10));
  if (!found.content.equals(whole)) {
    // Between look and reading it may have been replaced: a part would still be one.
    const again = it.find(name);
    if (again && (again.mode & readable) !== 0 && !again.content.equals(whole)) throw new Error(`${name} is in parts`);
  }
}

test.each([
  // A file that is delivered again is away meanwhile where its own name is the lock; under another name it never is.
  { kind: "sftp", lock: "umask", isAlwaysThere: false, server: {} },
  { kind: "sftp", lock: ".tmp", isAlwaysThere: true, server: {} },
  { kind: "ftp", lock: ".tmp", isAlwaysThere: true, server: { mode: "passive" } },
] as const)(
  "killed at random moments over 2,000 files, by $kind and lock $lock: none is lost, none is seen in parts, none is told of before it is there",
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
      // The random moment is what is tested: no event tells it.
      await new Promise((resolve) => setTimeout(resolve, chosen(lifeMsMax)));
      await agent.kill();
    }
    await putting;
    const last = it.send(config);
    await vi.waitFor(() => expect(it.left()).toEqual([]), waitMs);
    isOver = true;
    expect(await watching).toBeGreaterThan(3);
    await last.end();
    // Parts of those that were killed are gone as well.
    expect(it.names()).toHaveLength(filesCount);
    const told = it.notifications();
    for (let count = 0; count < filesCount; count += 1) {
      const name = nameOf(count);
      const found = it.find(name);
      expect(found?.mode).toBe(0o775);
      expect(found?.content.equals(contentOf(count))).toBe(true);
      const url = `http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/${name}`;
      expect(told.get(`radar.24_HR_ACCUM.GIF.XSS++${it.nameOf(name)}`)).toBe(url);
    }
    expect(told.size).toBe(filesCount);
    console.info(
      `delivery by ${kind}, lock ${lock}, killed ${killsCount} times over ${filesCount} files: 0 lost, 0 in parts`,
    );
  },
);
