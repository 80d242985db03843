import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tellOf } from "./tell.ts";

let checkout: string;
let printed: string[];
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "warren-tell-"));
  printed = [];
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

const log = {
  warn: async (text: string) => void printed.push(`warning: ${text}`),
  info: async (text: string) => void printed.push(text),
};

/** @returns what the program prints */
async function run(isPreview: boolean, engine: string | undefined, ...facts: readonly string[]): Promise<string[]> {
  printed = [];
  const tell = await tellOf({ stack: "op", checkout, engine, isPreview, log });
  for (const fact of facts) await tell.warn(fact);
  await tell.info("a diff");
  await tell.finish();
  return printed;
}

describe("a fact", () => {
  it("that the preview of this engine reported is not reported by its update", async () => {
    expect(await run(true, "7 100", "a", "b", "a")).toEqual(["warning: a", "warning: b", "a diff"]);
    expect(await run(false, "7 100", "a", "b", "c")).toEqual(["warning: c"]);
  });

  it("is reported by an update without a preview, and after another engine's preview", async () => {
    await run(true, "7 100", "a");
    expect(await run(false, "7 200", "a")).toEqual(["warning: a", "a diff"]);
    expect(await run(true, "7 100", "a")).toEqual(["warning: a", "a diff"]);
  });
});
