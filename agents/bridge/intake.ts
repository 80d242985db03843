import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAllowed } from "../lib/allowed-hosts.ts";
import { type Announcement, announcementUrl, checkRelPath } from "../lib/announcement.ts";
import { syncFolder } from "../lib/atomic-file.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { Disposition } from "../lib/consumer.ts";
import type { Downloader, FaultCause } from "../lib/download.ts";
import { LocalHold, type LocalHoldEvents } from "../lib/local-hold.ts";
import type { PlacedLog } from "../lib/placed-log.ts";
import { checkFileName, LocalFault, type NewFile, type ReceiverQueue } from "../lib/receiver-queue.ts";
import { bad, good, type Result } from "../lib/result.ts";
import { IntegrityCheck } from "../lib/wis-content.ts";
import type { Config } from "./config.ts";

type WisSource = Extract<Config["from"], { format: "wis" }>;
export type FetchConfig = NonNullable<WisSource["fetch"]>;

export interface Notified {
  readonly announcement: Announcement;
  /** The centre whose product it is: the fourth level of the topic. */
  readonly centre: string;
}

/** For the log and the metrics. */
export interface IntakeEvents extends LocalHoldEvents {
  /** Placed and verified. `embedded`: its bytes were in the notification. */
  fetched(notified: Notified, bytes: number, how: "fetched" | "embedded"): void;
  /** Another notification of the product was handed on before. */
  repeated(announcement: Announcement): void;
  /** One attempt failed; after the last one the notification becomes a dead letter. */
  fetchFailed(notified: Notified, cause: FaultCause | "integrity" | "address", reason: string): void;
}

export interface IntakePorts {
  readonly downloader: Pick<Downloader, "download">;
  readonly receiverQueue: Pick<ReceiverQueue, "receive">;
  readonly placedLog: Pick<PlacedLog, "has" | "add">;
  readonly events: IntakeEvents;
}

interface Fault {
  readonly cause: FaultCause | "integrity" | "address";
  readonly reason: string;
  /** Another attempt would fail as well. */
  readonly isFinal?: true;
}

/** Takes each notified product once: fetches it into a folder, verifies it, and hands it on at its new address. */
export class Intake {
  readonly #config: FetchConfig;
  readonly #ports: IntakePorts;
  readonly #local: LocalHold;
  /** By key: a product is handled once at a time, since several brokers notify of it at the same moment. */
  readonly #underway = new Map<string, Promise<Disposition>>();

  constructor(config: FetchConfig, ports: IntakePorts) {
    this.#config = config;
    this.#ports = ports;
    this.#local = new LocalHold(ports.events);
  }

  /** Why this host can't store products. */
  get fault(): LocalFault | undefined {
    return this.#local.fault;
  }

  /**
   * Acked: handed on, now or before. Dead-lettered: it can't be fetched, or is not what was announced. Requeued: `signal` aborted. Repeats are
   * recognized by `id`, and by data id and checksum together, because each Global Cache gives its notifications new ids. A kill after `handOn`
   * makes it hand on once more, redelivered.
   */
  async once(
    notified: Notified,
    signal: AbortSignal,
    handOn: (announcement: Announcement) => Promise<Disposition>,
  ): Promise<Disposition> {
    const { announcement } = notified;
    const keys = keysOf(announcement);
    for (;;) {
      const other = keys.map((key) => this.#underway.get(key)).find((work) => work !== undefined);
      if (!other) break;
      await other.catch(() => {});
    }
    if (keys.some((key) => this.#ports.placedLog.has(key))) {
      this.#ports.events.repeated(announcement);
      return "ack";
    }
    const work = this.#take(notified, signal, handOn).then((disposition) => {
      if (disposition === "ack") for (const key of keys) this.#ports.placedLog.add(key);
      return disposition;
    });
    for (const key of keys) this.#underway.set(key, work);
    try {
      return await work;
    } finally {
      for (const key of keys) this.#underway.delete(key);
    }
  }

  async #take(
    notified: Notified,
    signal: AbortSignal,
    handOn: (announcement: Announcement) => Promise<Disposition>,
  ): Promise<Disposition> {
    const { announcement } = notified;
    const relPath = placeOf(announcement);
    if (!relPath.ok) return this.#refuse(notified, { cause: "address", reason: relPath.reason });
    const { retriesMax, retryDelayMinMs: minMs, retryDelayMaxMs: maxMs, baseUrl } = this.#config;
    let faults = 0;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const placed = await this.#place(notified, relPath.value, signal).catch((error: unknown) => {
        if (signal.aborted) return "given up" as const;
        if (!(error instanceof LocalFault)) throw error;
        if (error.nameFault !== undefined) return { cause: "address", reason: error.nameFault, isFinal: true } as const;
        this.#local.tell(error);
        return "not here" as const;
      });
      if (placed === "given up") break;
      if (typeof placed === "number") {
        this.#local.clear();
        return handOn({ ...announcement, baseUrl, relPath: relPath.value, sizeBytes: placed });
      }
      if (placed !== "not here") {
        faults += 1;
        if (placed.isFinal || faults > retriesMax) return this.#refuse(notified, placed);
        this.#ports.events.fetchFailed(notified, placed.cause, placed.reason);
      }
      await delay(backoffMs({ minMs, maxMs }, attempt), undefined, { signal }).catch(() => {});
    }
    return "requeue";
  }

  #refuse(notified: Notified, { cause, reason }: Fault): Disposition {
    this.#ports.events.fetchFailed(notified, cause, reason);
    return { deadLetter: `${announcementUrl(notified.announcement)} can't be fetched: ${reason}` };
  }

  /** One attempt. @returns the product's bytes, which are on disk under its name. @throws LocalFault, and `signal`'s reason */
  async #place(notified: Notified, relPath: string, signal: AbortSignal): Promise<number | Fault> {
    const { announcement } = notified;
    const embedded = announcement.wis?.content;
    const file = await this.#ports.receiverQueue.receive();
    try {
      const isEmbedded = embedded !== undefined && isIntact(announcement, embedded);
      if (isEmbedded) await file.write(embedded);
      else {
        const fault = await this.#download(announcement, file, signal);
        if (fault) return fault;
      }
      const folder = join(this.#config.productDirectory, dirname(relPath));
      await mkdir(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
        throw new LocalFault(folder, cause);
      });
      await file.place(relPath, () => syncFolder(folder));
      this.#ports.events.fetched(notified, file.size, isEmbedded ? "embedded" : "fetched");
      return file.size;
    } finally {
      // Does nothing to a placed file, which has another name.
      await file.discard();
    }
  }

  async #download(announcement: Announcement, file: NewFile, signal: AbortSignal): Promise<Fault | undefined> {
    const { productBytesMax, pullDeadlineMs: deadlineMs, allowedHosts } = this.#config;
    const url = announcementUrl(announcement);
    const { protocol, host } = new URL(url);
    if (protocol !== "http:" && protocol !== "https:")
      return { cause: "address", reason: "only http and https are fetched", isFinal: true };
    if (!isAllowed(new URL(url), allowedHosts))
      return { cause: "address", reason: `${host} is not among allowedHosts`, isFinal: true };
    const check = new IntegrityCheck(announcement);
    const outcome = await this.#ports.downloader.download({
      ...{ url, productBytesMax, deadlineMs, signal, sizeBytes: announcement.sizeBytes },
      onChunk: (chunk) => {
        check.update(chunk);
        return file.write(chunk);
      },
    });
    if (outcome.kind === "complete") {
      const verified = check.result();
      return verified.ok ? undefined : { cause: "integrity", reason: verified.reason };
    }
    const { cause, text: reason } = outcome;
    return cause === "too-large" ? { cause, reason, isFinal: true } : { cause, reason };
  }
}

function isIntact(announcement: Announcement, content: Buffer): boolean {
  const check = new IntegrityCheck(announcement);
  check.update(content);
  return check.result().ok;
}

/** Its data id as a path, with the extension of its URL: nodes leave it out of data ids. */
function placeOf({ relPath, wis }: Announcement): Result<string> {
  const { dataId = relPath } = wis ?? {};
  const extension = extname(relPath);
  const place = dataId.endsWith(extension) ? dataId : `${dataId}${extension}`;
  const path = checkRelPath(place);
  if (!path.ok) return bad(`the data id is no path: ${path.reason}`);
  for (const part of place.split("/")) {
    const name = checkFileName(part);
    if (!name.ok) return bad(`the data id is no path: ${name.reason}`);
  }
  return good(place);
}

function keysOf({ sum, wis }: Announcement): string[] {
  const checksum = sum?.value ?? wis?.integrity?.value;
  const names = [wis?.id, checksum === undefined ? undefined : `${wis?.dataId} ${checksum}`];
  return names.flatMap((name) => (name === undefined ? [] : [createHash("sha256").update(name).digest("hex")]));
}
