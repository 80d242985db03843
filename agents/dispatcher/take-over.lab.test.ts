import { execa } from "execa";
import { afterAll, beforeEach, expect } from "vitest";
import type { Place } from "../../tests/rigs/dispatcher/place.ts";
import { placeTest as test } from "../../tests/rigs/dispatcher/place-test.ts";
import type { DispatcherProcess } from "../../tests/rigs/dispatcher/process.ts";
import { logEvents } from "../lib/log-events.ts";

// Virtual IPs that come and go on lo, which needs root. Each dispatcher watches its own address: an address moves between two
// hosts by removing one and adding the other. Not proved here: what keepalived does, and two real hosts.

const addresses = { a: "192.0.2.81", b: "192.0.2.82" } as const;
type Host = keyof typeof addresses;

const change = (verb: "add" | "del", host: Host) =>
  execa("ip", ["address", verb, `${addresses[host]}/32`, "dev", "lo"]);
const removeAll = () => Promise.all((["a", "b"] as const).map((host) => change("del", host).catch(() => {})));
const start = (place: Place, host: Host): Promise<DispatcherProcess> =>
  place.dispatcher(host, { vip: { address: addresses[host] } });

beforeEach(removeAll);
afterAll(removeAll);

/** Everything arrived once, and both exit cleanly. */
async function allIsWell(
  place: Place,
  keys: readonly string[],
  dispatchers: readonly DispatcherProcess[],
): Promise<void> {
  await place.allOut(keys);
  await place.settled();
  for (const dispatcher of dispatchers) expect(await dispatcher.end()).toEqual([0, null]);
  expect(await place.count(place.inputQueue)).toBe(0);
  expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
}

/** Duration of each takeover, from the address to the first decision, in milliseconds. */
function takeOversOf(dispatchers: readonly DispatcherProcess[]): number[] {
  const lines = dispatchers.flatMap(({ lines }) => lines);
  return lines.filter(({ event }) => event === logEvents.takenOver).map((line) => Number(line.sinceAddressMs));
}

test("an address that moves back and forth under load loses nothing and repeats nothing, and the other decides within a second", async ({
  place,
}) => {
  const [a, b] = [await start(place, "a"), await start(place, "b")];
  const load = place.load();
  let holder: Host = "a";
  await change("add", holder);
  for (let moves = 1; moves <= 5; moves++) {
    await place.more(200);
    await expect.poll(() => takeOversOf([a, b]).length, { timeout: 10_000 }).toBe(moves);
    await change("del", holder);
    holder = holder === "a" ? "b" : "a";
    await change("add", holder);
  }
  await allIsWell(place, await load.stop(), [a, b]);
  const takeOvers = takeOversOf([a, b]).slice(0, 5);
  expect(Math.max(...takeOvers), `takeovers: ${takeOvers.join(", ")} ms`).toBeLessThan(1000);
});

test("while both hold the address one is active, and when it loses the address the other takes over", async ({
  place,
}) => {
  const [a, b] = [await start(place, "a"), await start(place, "b")];
  const load = place.load();
  await change("add", "a");
  await place.more(200);
  await change("add", "b");
  await place.more(200);
  await change("del", "a");
  await place.more(200);
  await allIsWell(place, await load.stop(), [a, b]);
});

test("a killed holder is replaced by the other one once the address is there", async ({ place }) => {
  const [a, b] = [await start(place, "a"), await start(place, "b")];
  const load = place.load();
  await change("add", "a");
  await place.more(300);
  await a.kill();
  await change("del", "a");
  await change("add", "b");
  await place.more(300);
  await allIsWell(place, await load.stop(), [b]);
});

test("a holder that hangs, and resumes when the other one is active, repeats nothing", async ({ place }) => {
  const [a, b] = [await start(place, "a"), await start(place, "b")];
  const load = place.load();
  await change("add", "a");
  await place.more(300);
  a.signal("SIGSTOP");
  await change("del", "a");
  await change("add", "b");
  // The broker redelivers a's messages to b once a's heartbeats have failed.
  await place.more(300);
  a.signal("SIGCONT");
  await place.more(300);
  await allIsWell(place, await load.stop(), [a, b]);
});
