import { EventEmitter } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { planPublicProducts } from "./public-plan.ts";
import { runPublicProducts } from "./public-run.ts";
import { loadSamples } from "./samples.ts";
import type { UrlTap } from "./url-tap.ts";

const samples = await loadSamples();
const options = { count: 12, ratePerSecond: 200, seed: 5, firstObservation: new Date("2013-06-06T14:40Z") };
const products = planPublicProducts(options, samples);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-public-"));
  for (const name of ["txq", "client"]) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Stands in for the hosts of the public data server path: files renamed into the txq are announced, and copied to the client's folder. */
function publicPath(passes: (name: string) => boolean) {
  const announced = new Map<string, number>();
  const tap: UrlTap = Object.assign(new EventEmitter<{ announced: [string] }>(), {
    counts: { announced, tapGaps: 0 },
    close: async () => {},
  });
  const watcher = watch(join(folder, "txq"), (event, file) => {
    const name = file?.split(":")[0] ?? "";
    if (event !== "rename" || file === null || file.startsWith(".") || announced.has(name) || !passes(name)) return;
    announced.set(name, 1);
    tap.emit("announced", name);
    writeFileSync(join(folder, "client", name), readFileSync(join(folder, "txq", file)));
  });
  const run = (signal: AbortSignal) =>
    runPublicProducts({
      ...{ products, samples, tap, signal, stallMs: 1000 },
      queues: { sftp: join(folder, "txq"), ftp: join(folder, "txq") },
      clients: [{ pds: "client-1", directory: join(folder, "client") }],
    }).finally(() => watcher.close());
  return run;
}

test("products at the client are counted when all have arrived", async () => {
  const { account, outcome, count } = await publicPath(() => true)(new AbortController().signal);
  expect({ outcome, count }).toEqual({ outcome: "complete", count: 12 });
  expect(account.given).toEqual({ sftp: 6, ftp: 6 });
  expect(account).toMatchObject({ written: 12, announced: 12, lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 });
});

test("missing products are given up after a time without movement", async () => {
  const lost = products[3]?.delivered ?? "";
  const { account, details, outcome } = await publicPath((name) => name !== lost)(new AbortController().signal);
  expect(outcome).toBe("stalled");
  expect(account).toMatchObject({ written: 12, lost: 1 });
  expect(details.lost).toEqual([{ name: lost, client: "client-1", wasAnnounced: false }]);
});

test("is stopped early by its signal, and counts the arrivals so far", async () => {
  const { account, outcome } = await publicPath(() => true)(AbortSignal.abort());
  expect(outcome).toBe("aborted");
  expect(account).toMatchObject({ written: 0, lost: 0 });
});

test("fails if px's folder can't be written", async () => {
  rmSync(join(folder, "txq"), { recursive: true });
  mkdirSync(join(folder, "txq"));
  const run = publicPath(() => true);
  writeFileSync(join(folder, "txq", `.${products[0]?.file}`), "");
  await expect(run(new AbortController().signal)).rejects.toThrow(/EEXIST/);
});
