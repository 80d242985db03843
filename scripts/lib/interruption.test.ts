import { once } from "node:events";
import { execa } from "execa";
import { expect, it, vi } from "vitest";
import { interruptibleWithin } from "./interruption.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A separate process, because signals go to processes. It prints its progress line by line. */
function start(work: string) {
  const module = JSON.stringify(new URL("interruption.ts", import.meta.url).href);
  const script = `
    import { interruptibleTwice } from ${module};
    // The same stream as the verb's messages, to keep their order.
    const say = (text) => console.error(text);
    const texts = { verb: "t", first: "first", second: () => "second", heal: () => async () => say("healed") };
    const aborted = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve));
    const timer = setInterval(() => {}, 1000);
    await interruptibleTwice(texts, async (signal) => { say("begun"); ${work} });
    clearInterval(timer);
    say("over");`;
  return execa(process.execPath, ["--input-type=module", "-e", script], { all: true, reject: false });
}

async function untilSays(child: ReturnType<typeof start>, text: string): Promise<void> {
  let all = "";
  while (!all.includes(text)) all += String((await once(child.all as NodeJS.ReadableStream, "data"))[0]);
}

it("lets the work finish at the first Ctrl-C", async () => {
  const child = start('await aborted(signal); say("ended in order");');
  await untilSays(child, "begun");
  child.kill("SIGINT");
  const { exitCode, all } = await child;
  expect([exitCode, all.split("\n")]).toEqual([130, ["begun", "", "warren: first", "ended in order", "over"]]);
});

it("heals the open fault at the second, and exits", async () => {
  const child = start("await new Promise(() => {});");
  await untilSays(child, "begun");
  child.kill("SIGINT");
  await untilSays(child, "first");
  child.kill("SIGINT");
  const { exitCode, all } = await child;
  expect(exitCode).toBe(130);
  expect(all).toMatch(/warren: second\nhealed$/);
});

it("does not report the interruption as an error, but rethrows errors of the work", async () => {
  const child = start("await aborted(signal); signal.throwIfAborted();");
  await untilSays(child, "begun");
  child.kill("SIGTERM");
  expect((await child).exitCode).toBe(130);
  const failing = await start('throw new Error("broken");');
  expect(failing.exitCode).toBe(1);
  expect(failing.all).toContain("broken");
});

it("limits the work's time, and then reports what was not done and a remedy", async () => {
  const late = { more: ", and not written", remedy: "give it more" };
  const texts = { verb: "t", second: () => "second", timeoutSeconds: 0.05, late };
  const work = (signal: AbortSignal) =>
    new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  await expect(interruptibleWithin(texts, work)).rejects.toMatchObject({
    message: expect.stringContaining("was not done after 0.05 s, and not written"),
    remedy: "give it more",
  });
});
