import { isAllowed } from "../lib/allowed-hosts.ts";
import { type Announcement, announcementUrl, fileNameOf, type ReceivedMessage } from "../lib/announcement.ts";
import { type Backoff, backoffMs } from "../lib/backoff.ts";
import { codecV00 } from "../lib/codec-v00.ts";
import { checkFileName } from "../lib/receiver-queue.ts";
import type { Config } from "./config.ts";
import type { FaultCause } from "./download.ts";

/** What one announcement asks for. */
export interface Order {
  /** Of the product's name, in hex: the same in the announcements of both servers. */
  readonly key: string;
  readonly url: string;
  /** Scheme, host and port of `url`. */
  readonly origin: string;
  readonly fileName: string;
  readonly sizeBytes: number | undefined;
  /** When the product was announced first, in whole seconds since 1970; undefined where the dispatcher didn't say. */
  readonly firstArrivalSeconds: number | undefined;
}

/** An announcement that could be read, or why nothing may be pulled for it, which no second try would change. */
export type Reading =
  | { readonly ok: true; readonly value: Order }
  | {
      readonly ok: false;
      readonly reason: string;
      /** The announcement of the other server would do: what is wrong is where this one is, not what it names. */
      readonly twinCanMend: boolean;
    };

/**
 * Reads an announcement. Not mended by a twin: what can't be read (without a key there is no twin to ask for), a file name
 * that may not be placed (both servers use one name, only the stamp at its end differs) and a product that is too large
 * (so is its twin, save for a few bytes). Mended by a twin: a host or protocol that this puller may not use.
 */
export function readOrder(
  message: ReceivedMessage & { readonly timestampSeconds?: number | undefined },
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
    return refuse(`the product has ${sizeBytes} bytes, productBytesMax is ${config.productBytesMax}`);
  }
  const url = announcementUrl(announcement);
  const parsedUrl = new URL(url);
  const { protocol, host, origin } = parsedUrl;
  if (protocol !== "http:" && protocol !== "https:") {
    return refuse(`products are pulled by http or https, not ${protocol}`, true);
  }
  // No product needs a login; with one, a URL looks as if it were of another host.
  if (parsedUrl.username !== "" || parsedUrl.password !== "")
    return refuse(`the URL names a user before ${host}`, true);
  if (config.allowedHosts && !isAllowed(parsedUrl, config.allowedHosts)) {
    return refuse(`host ${host} is not among allowedHosts`, true);
  }
  const firstArrivalSeconds = message.timestampSeconds;
  return { ok: true, value: { key, url, origin, fileName: fileName.value, sizeBytes, firstArrivalSeconds } };
}

function refuse(reason: string, twinCanMend = false): Reading {
  return { ok: false, reason, twinCanMend };
}

/** What to do after a try that failed for a fault of the server, the network or the product. */
export type NextStep =
  | { readonly kind: "retry"; readonly delayMs: number }
  /** For the product's other announcement. */
  | { readonly kind: "ask"; readonly reason: string }
  | { readonly kind: "give-up"; readonly reason: string };

/** What a failed try is judged by, beside the fault itself. */
export interface TriesSoFar {
  /** Tries done, the failed one included. */
  readonly tries: number;
  /** What they took together, without the pauses. */
  readonly spentMs: number;
  /** The dispatcher can be asked for the product's other announcement; not for what came as that one. */
  readonly canAsk: boolean;
  /** The server is taken for dead. */
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
 * Where another announcement can be asked for, few tries are enough, fewer where they take long, and one where the server is
 * taken for dead. Where it can't be, this one is the last hope, and there are as many as the settings say, dead or not: a
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
  // A product deleted since it was announced does not come back; a few tries cover a server that is just being set right.
  if (cause === "not-found" || cause === "refused") return Math.min(config.notFoundRetriesMax, config.retriesMax);
  return config.retriesMax;
}
