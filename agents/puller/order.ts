import { type Announcement, announcementUrl, fileNameOf, type ReceivedMessage } from "../lib/announcement.ts";
import { type Backoff, backoffMs } from "../lib/backoff.ts";
import { codecV00 } from "../lib/codec-v00.ts";
import { bad, good, type Result } from "../lib/result.ts";
import type { Config } from "./config.ts";
import type { FaultCause } from "./download.ts";
import { checkFileName } from "./receiver-queue.ts";

/** What one announcement asks for. */
export interface Order {
  readonly url: string;
  readonly fileName: string;
  readonly sizeBytes: number | undefined;
}

/** Reads an announcement; the reason where it asks for nothing that may be pulled, which no second try would change. */
export function readOrder(
  message: ReceivedMessage,
  config: Pick<Config, "allowedHosts" | "productBytesMax">,
): Result<Order> {
  const parsed = codecV00.parse(message);
  if (!parsed.ok) return bad(`malformed announcement: ${parsed.reason}`);
  const announcement: Announcement = parsed.value;
  const fileName = checkFileName(fileNameOf(announcement));
  if (!fileName.ok) return fileName;
  const url = announcementUrl(announcement);
  const { protocol, hostname, host } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:")
    return bad(`products are pulled by http or https, not ${protocol}`);
  if (config.allowedHosts && !config.allowedHosts.some((allowed) => allowed === hostname || allowed === host)) {
    return bad(`host ${host} is not among allowedHosts`);
  }
  const { sizeBytes } = announcement;
  if (sizeBytes !== undefined && sizeBytes > config.productBytesMax) {
    return bad(`the product has ${sizeBytes} bytes, productBytesMax is ${config.productBytesMax}`);
  }
  return good({ url, fileName: fileName.value, sizeBytes });
}

/** What to do after a try that failed for a fault of the server, the network or the product. */
export type NextStep =
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "give-up"; readonly reason: string };

/** `tries` counts those done, the failed one included. */
export function planNextStep(
  fault: { readonly cause: FaultCause; readonly text: string },
  tries: number,
  config: Pick<Config, "retriesMax" | "notFoundRetriesMax" | "retryDelayMinMs" | "retryDelayMaxMs">,
  random?: () => number,
): NextStep {
  const retriesMax = retriesFor(fault.cause, config);
  if (tries > retriesMax)
    return { kind: "give-up", reason: `${fault.text} (${tries} ${tries === 1 ? "try" : "tries"})` };
  const limits: Backoff = { minMs: config.retryDelayMinMs, maxMs: config.retryDelayMaxMs };
  return { kind: "retry", delayMs: backoffMs(limits, tries, random) };
}

function retriesFor(cause: FaultCause, config: Pick<Config, "retriesMax" | "notFoundRetriesMax">): number {
  if (cause === "too-large") return 0;
  // A product deleted since it was announced does not come back; a few tries cover a server that is just being set right.
  if (cause === "not-found" || cause === "refused") return Math.min(config.notFoundRetriesMax, config.retriesMax);
  return config.retriesMax;
}
