import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { pause } from "../lib/poll.ts";
import type { Outcome } from "./await-arrival.ts";
import { makeContent } from "./content.ts";
import { type PublicAccount, type PublicDetails, publicAccount } from "./public-account.ts";
import type { PublicProduct } from "./public-plan.ts";
import { listArrivals, listNames, type ReceiverFolder, watchFolders } from "./receivers.ts";
import type { Samples } from "./samples.ts";
import type { UrlTap } from "./url-tap.ts";
import { asUserError } from "./writer.ts";

export interface PublicRunOptions {
  readonly products: readonly PublicProduct[];
  readonly samples: Samples;
  /** px's txqs by their senders, as paths that this process can write: products are distributed over them. */
  readonly queues: Readonly<Record<string, string>>;
  /** The clients' folders, as paths that this process can read. */
  readonly clients: readonly ReceiverFolder[];
  readonly tap: UrlTap;
  readonly signal: AbortSignal;
  readonly stallMs?: number;
  /** Called at each arrival, with the number of products that have arrived. */
  readonly onFetched?: (count: number) => void;
}

export interface PublicResult {
  readonly account: PublicAccount;
  readonly details: PublicDetails;
  readonly outcome: Outcome;
  /** Products of the plan. */
  readonly count: number;
}

/** Silence after which the run gives up: longer than the senders' longest pause between attempts. */
const stallMsDefault = 45_000;
/** Silence that counts as the end once everything has arrived: a repeat can only be seen by waiting for it. */
const quietMs = 500;
/** Milliseconds between two listings: events of folder watches may be lost. */
const listEveryMs = 1000;
const lookEveryMs = 50;

/**
 * Sends products down the public data server path: into px's txqs, until each client has them. Rejects if a txq can't be written or a client's
 * folder can't be read; an aborted `signal` stops it early and counts what has arrived.
 */
export async function runPublicProducts(options: PublicRunOptions): Promise<PublicResult> {
  const { products, clients, tap } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const writing = write(options, signal);
  const waiting = awaitFetched(options, writing, signal);
  try {
    const [written, outcome] = await Promise.all([writing, waiting]);
    const names = new Set(products.map(({ delivered }) => delivered));
    const arrivals = await listArrivals(clients, (file) => names.has(file));
    const hosts = clients.map(({ pds }) => pds);
    const given = countGiven(options, written);
    const counted = publicAccount({ products, written, given, tap: tap.counts, arrivals, clients: hosts });
    return { ...counted, outcome, count: products.length };
  } catch (error) {
    failed.abort();
    await Promise.allSettled([writing, waiting]);
    throw error;
  }
}

/** The txq for each product: sender and folder. */
function queueOf({ queues }: Pick<PublicRunOptions, "queues">, index: number): readonly [string, string] {
  const all = Object.entries(queues);
  return all[index % all.length] ?? ["", ""];
}

function countGiven(options: PublicRunOptions, written: ReadonlyMap<string, number>): Record<string, number> {
  const counts = Object.fromEntries(Object.keys(options.queues).map((sender) => [sender, 0]));
  for (const [index, { file }] of options.products.entries()) {
    const [sender] = queueOf(options, index);
    if (written.has(file)) counts[sender] = (counts[sender] ?? 0) + 1;
  }
  return counts;
}

/** @returns file -> time of its rename in a txq */
async function write(options: PublicRunOptions, signal: AbortSignal): Promise<Map<string, number>> {
  const { products, samples } = options;
  const written = new Map<string, number>();
  const startMs = performance.now();
  for (const [index, { file, content, atMs }] of products.entries()) {
    const waitMs = startMs + atMs - performance.now();
    if (waitMs > 0) await pause(waitMs, signal);
    if (signal.aborted) break;
    const bytes = "bytes" in content ? content.bytes : makeContent(content.recipe, samples);
    const [, queueDirectory] = queueOf(options, index);
    const ctimeMs = await putIntoQueue(queueDirectory, file, bytes).catch((error) => {
      throw asUserError(error);
    });
    written.set(file, ctimeMs);
  }
  return written;
}

/**
 * Puts a file into a txq: writes it under another name, then renames it. Senders ignore names that begin with a dot.
 *
 * @returns when it was complete, milliseconds since 1970: a moment before the rename that hands it to the sender
 */
export async function putIntoQueue(folder: string, file: string, bytes: Buffer): Promise<number> {
  const staged = join(folder, `.${file}`);
  const handle = await open(staged, "wx", 0o644);
  try {
    await handle.chmod(0o644);
    await handle.writeFile(bytes);
    const { ctimeMs } = await handle.stat();
    await rename(staged, join(folder, file));
    return ctimeMs;
  } finally {
    await handle.close();
  }
}

async function awaitFetched(
  options: PublicRunOptions,
  writing: Promise<unknown>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { products, clients, tap, stallMs = stallMsDefault } = options;
  const names = new Set(products.map(({ delivered }) => delivered));
  const fetched = new Set<string>();
  let movedMs = performance.now();
  let isWriting = true;
  const moved = (): void => {
    movedMs = performance.now();
  };
  const arrived = (client: string, file: string): void => {
    const key = `${client}/${file}`;
    if (!names.has(file) || fetched.has(key)) return;
    fetched.add(key);
    moved();
    options.onFetched?.(fetched.size);
  };
  void writing
    .catch(() => {})
    .then(() => {
      isWriting = false;
      moved();
    });
  tap.on("announced", moved);
  const unwatch = watchFolders(clients, arrived);
  try {
    for (let listedMs = 0; ; ) {
      if (performance.now() - listedMs >= listEveryMs) {
        for (const { pds, file } of await listNames(clients, (name) => names.has(name))) arrived(pds, file);
        listedMs = performance.now();
      }
      if (signal.aborted) return "aborted";
      const silentMs = performance.now() - movedMs;
      if (!isWriting && fetched.size >= names.size * clients.length && silentMs >= quietMs) return "complete";
      if (!isWriting && silentMs >= stallMs) return "stalled";
      await pause(lookEveryMs, signal);
    }
  } finally {
    unwatch();
    tap.off("announced", moved);
  }
}
