import type { Fault } from "../lib/download.ts";
import type { Config } from "./config.ts";
import type { Order } from "./order.ts";
import type { Inquiry } from "./peer-message.ts";
import type { PullerPorts } from "./ports.ts";

/** The result of fetching. A fault of this host (`LocalFault`) rejects instead. */
export type Fetched = { readonly kind: "complete"; readonly bytes: number } | Fault;

/**
 * Makes one attempt: afterwards the folder has the complete product under its own name, or nothing of it. Rejects when `signal`
 * aborts.
 */
export async function fetchProduct(
  order: Order,
  about: Inquiry,
  signal: AbortSignal,
  limits: Pick<Config, "productBytesMax" | "pullDeadlineMs">,
  { receive, download, placing, dropped }: Pick<PullerPorts, "receive" | "download" | "placing" | "dropped">,
): Promise<Fetched> {
  const file = await receive();
  let isNoted = false;
  try {
    const outcome = await download({
      url: order.url,
      sizeBytes: order.sizeBytes,
      productBytesMax: limits.productBytesMax,
      deadlineMs: limits.pullDeadlineMs,
      signal,
      onChunk: (chunk) => file.write(chunk),
    });
    if (outcome.kind === "fault") {
      await file.discard();
      return outcome;
    }
    isNoted = true;
    placing(about, file.part);
    // Another puller has the announcement by now and places it: a second copy would be ingested twice.
    signal.throwIfAborted();
    await file.place(order.fileName);
    return { kind: "complete", bytes: file.size };
  } catch (error) {
    if (!isNoted || dropped(file.part)) await file.discard();
    throw error;
  }
}
