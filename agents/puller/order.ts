import { isAllowed } from "../lib/allowed-hosts.ts";
import { type Announcement, announcementUrl, fileNameOf, type ReceivedMessage } from "../lib/announcement.ts";
import { type Backoff, backoffMs } from "../lib/backoff.ts";
import { codecV00 } from "../lib/codec-v00.ts";
import type { FaultCause } from "../lib/download.ts";
import type { Marks } from "../lib/headers.ts";
import { checkFileName } from "../lib/receiver-queue.ts";
import type { Config } from "./config.ts";

/** What one announcement asks for. */
export interface Order {
  /** Of the product's name, in hex: the same in the announcements of both servers. */
  readonly key: string;
  readonly url: string;
  /** Scheme, host and port of `url`. */
  readonly origin: string;
  readonly fileName: string;
  readonly sizeBytes: number | undefined;
  /** When the product was first announced, in whole seconds since 1970; undefined if the dispatcher did not report it. */
  readonly firstArrivalSeconds: number | undefined;
  /** When the file was complete on the radar server that announced it first, in ms since 1970; undefined if no announcement says so. */
  readonly closedMs: number | undefined;
}

/** A readable announcement, or why nothing may be pulled for it. A second attempt would not change that. */
export type Reading =
  | { readonly ok: true; readonly value: Order }
  | {
      readonly ok: false;
      readonly reason: string;
      /** The other server's announcement may be accepted: only this one's location is wrong, not what it names. */
      readonly twinHelps: boolean;
    };

/**
 * Reads an announcement. A twin does not help if the announcement can't be read (without a key no twin can be requested), if the
 * file name may not be placed (both servers use one name, and only the stamp at its end differs), or if the product is too large
 * (so is its twin, give or take a few bytes). A twin does help if this puller may not use the host or the protocol.
 */
export function readOrder(
  message: ReceivedMessage & { readonly timestampSeconds?: number | undefined; readonly marks?: Marks },
  config: Pick<Config, "allowedHosts" | "productBytesMax">,
): Reading {
  const parsed = codecV00.parse(message);
  if (!parsed.ok) return refuse(`malformed announcement: ${parsed.reason}`);
  const announcement: Announcement = parsed.value;
  const { sizeBytes, key } = announcement;
  if (key === undefined) return refuse("malformed announcement: no key");
  const fileName = checkFileName(fileNameOf(announcement));
  if (!fileName.ok) return refuse(fileName.reason);
  if (sizeBytes !== undefined && sizeBytes > config.productBytesMax) {
    return refuse(`the product has ${sizeBytes} bytes, more than productBytesMax (${config.productBytesMax})`);
  }
  const url = announcementUrl(announcement);
  const parsedUrl = new URL(url);
  const { protocol, host, origin } = parsedUrl;
  if (protocol !== "http:" && protocol !== "https:") {
    return refuse(`products are pulled by http or https, not ${protocol}`, true);
  }
  // No product needs a login, and with a login a URL may look as if it were on another host.
  if (parsedUrl.username !== "" || parsedUrl.password !== "")
    return refuse(`the URL has a user name before ${host}`, true);
  if (config.allowedHosts && !isAllowed(parsedUrl, config.allowedHosts)) {
    return refuse(`host ${host} is not in allowedHosts`, true);
  }
  const { timestampSeconds: firstArrivalSeconds, marks: { closedMs } = {} } = message;
  return { ok: true, value: { key, url, origin, fileName: fileName.value, sizeBytes, firstArrivalSeconds, closedMs } };
}

function refuse(reason: string, twinHelps = false): Reading {
  return { ok: false, reason, twinHelps };
}

/** What to do after an attempt failed because of the server, the network or the product. */
export type NextStep =
  | { readonly kind: "retry"; readonly delayMs: number }
  /** Request the product's other announcement. */
  | { readonly kind: "ask"; readonly reason: string }
  | { readonly kind: "give-up"; readonly reason: string };

/** What the next step depends on, besides the fault. */
export interface TriesSoFar {
  /** Attempts made, including the failed one. */
  readonly tries: number;
  /** Their total duration, without the pauses. */
  readonly spentMs: number;
  /** The product's other announcement can be requested, which it can't if this is that one. */
  readonly canAsk: boolean;
  /** The server is considered dead. */
  readonly isSilent: boolean;
}

export type RetrySettings = Pick<
  Config,
  | "retriesMax"
  | "notFoundRetriesMax"
  | "retryDelayMinMs"
  | "retryDelayMaxMs"
  | "triesBeforeAlternate"
  | "alternateAfterMs"
>;

/**
 * If another announcement can be requested, a few attempts are enough: fewer if they take long, and one if the server is
 * considered dead. Otherwise this announcement is the last hope and gets all configured attempts, dead server or not, because a
 * server may come back.
 */
export function planNextStep(
  fault: { readonly cause: FaultCause; readonly text: string },
  soFar: TriesSoFar,
  config: RetrySettings,
  random?: () => number,
): NextStep {
  const { tries, canAsk } = soFar;
  const limits: Backoff = { minMs: config.retryDelayMinMs, maxMs: config.retryDelayMaxMs };
  if (tries < triesMax(fault.cause, soFar, config)) {
    return { kind: "retry", delayMs: backoffMs(limits, tries, random) };
  }
  const reason = `${fault.text} (${tries} ${tries === 1 ? "try" : "tries"})`;
  return { kind: canAsk && fault.cause !== "too-large" ? "ask" : "give-up", reason };
}

function triesMax(cause: FaultCause, { canAsk, isSilent, spentMs }: TriesSoFar, config: RetrySettings): number {
  const all = 1 + retriesFor(cause, config);
  if (!canAsk) return all;
  return isSilent || spentMs >= config.alternateAfterMs ? 1 : Math.min(all, config.triesBeforeAlternate);
}

function retriesFor(cause: FaultCause, config: RetrySettings): number {
  if (cause === "too-large") return 0;
  // A product deleted since its announcement does not come back; a few attempts cover a server that is being repaired.
  if (cause === "not-found" || cause === "refused") return Math.min(config.notFoundRetriesMax, config.retriesMax);
  return config.retriesMax;
}
