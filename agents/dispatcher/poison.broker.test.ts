import { expect, onTestFinished, vi } from "vitest";
import { placeTest as test } from "../../tests/rigs/dispatcher/place-test.ts";

/** For a process: an unforeseen error with one particular message. */
const faulty = `data:text/javascript,${encodeURIComponent(`
  const real = URL.canParse;
  URL.canParse = (text, ...others) => {
    if (text.includes("poison")) throw new Error("nobody has thought of this");
    return real(text, ...others);
  };
`)}`;

test("an announcement at which the dispatcher fails is dead-lettered the second time, and what is behind it is published", async ({
  place,
}) => {
  const poison = Buffer.from(`${"a".repeat(32)} 7 http://poison/ db/x/p`);
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("NODE_OPTIONS", `--import ${faulty}`);
  const first = await place.dispatcher("a");
  await place.announce(poison);
  const keys = await place.announceFirst(20);
  expect(await first.exited).toEqual([1, null]);
  // On the same host, as systemd restarts it.
  const second = await place.dispatcher("a");
  expect(await second.exited).toEqual([1, null]);
  const third = await place.dispatcher("a");
  await place.allOut(keys);
  expect(place.repeated).toBe(0);
  const [dead] = await place.deadLetters(1);
  const reason = "the dispatcher failed on it: nobody has thought of this";
  expect(dead).toEqual({ reason, body: poison.toString() });
  expect(await third.health()).toMatchObject({ ok: true });
});
