import type { DeliveryConfig } from "./config.ts";
import type { ContentState, Duplicates } from "./duplicates.ts";
import type { Holds } from "./holds.ts";
import type { Leftovers } from "./leftovers.ts";
import type { Notifications } from "./notifications.ts";
import { nameBytesMax, type Place, placeOf } from "./place.ts";
import type { Destination, Outcome, OutgoingFile } from "./ports.ts";
import { openQueued, type QueuedSource } from "./queued-source.ts";
import type { LiveConnection, ServerLink } from "./server-link.ts";
import { type PutOutcome, remotePath, type ServerFault, SourceFault } from "./server-port.ts";

export interface DeliveryEvents {
  /** One attempt to deliver a file failed. */
  refused(fault: ServerFault | "connection" | "notification"): void;
  /** A file, a directory or the server is not retried for a while; called once per reason. */
  held(subject: string, reason: string): void;
  released(subject: string): void;
  cleaned(partsCount: number): void;
  notRecorded(reason: string): void;
}

export interface DeliveryOptions {
  readonly config: Pick<DeliveryConfig, "type" | "server" | "rules" | "root" | "lock" | "queueDirectory">;
  readonly link: ServerLink;
  readonly holds: Holds;
  readonly leftovers: Leftovers;
  /** Undefined if there are no notifications. */
  readonly notifications: Notifications | undefined;
  /** Undefined if duplicates are sent. */
  readonly duplicates: Duplicates | undefined;
  readonly now: () => number;
  readonly events: DeliveryEvents;
}

/** One file and its place. */
interface Work {
  readonly outgoing: OutgoingFile;
  readonly place: Place;
  /** Name of the notification; undefined if there is none. */
  readonly notice: string | undefined;
  readonly partName: string | undefined;
}

/** Folder 0 is for retransmissions, which are intended repeats. */
const retransmissionPriority = 0;
const everything = "the server";

/**
 * Uploads files to a server, many at a time over one connection, and writes their notifications. Only then is a file delivered and may be
 * removed, so that a kill at any moment loses nothing. An interrupted delivery is repeated from the start.
 */
export class DeliveryDestination implements Destination {
  readonly #options: DeliveryOptions;
  readonly #where: string;
  /** The last upload to each path: files with the same name are uploaded one after the other. */
  readonly #byPath = new Map<string, Promise<void>>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { type, server } = options.config;
    this.#where = `${type}://${server.user}@${server.host}`;
  }

  async ready(signal: AbortSignal): Promise<void> {
    const { link, leftovers, events } = this.#options;
    const before = link.live;
    await link.ready(signal);
    const { live } = link;
    if (live === before) await live?.connection.keepAlive?.();
    if (!live || live === before) return;
    const partsCount = await leftovers.clean((path) => live.connection.remove(path));
    if (partsCount > 0) events.cleaned(partsCount);
  }

  async deliver(
    files: readonly OutgoingFile[],
    report: (file: OutgoingFile, outcome: Outcome) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { link, leftovers, events } = this.#options;
    const { live } = link;
    const works: Work[] = [];
    for (const outgoing of files) {
      const work = live ? this.#prepare(outgoing, live.tag) : later("there is no connection");
      if ("kind" in work) report(outgoing, work);
      else works.push(work);
    }
    if (!live || works.length === 0) return;
    const parts = works.flatMap(({ place, partName }) => (partName ? remotePath(place.directory, partName) : []));
    await leftovers.begin(parts).catch((error: Error) => events.notRecorded(error.message));
    const worker = async () => {
      for (let work = works.shift(); work; work = works.shift()) {
        const { outgoing } = work;
        report(outgoing, signal.aborted ? later("the sender is stopping") : await this.#inTurn(work, live));
      }
    };
    await Promise.all(Array.from({ length: live.connection.uploadsAtOnce }, worker));
  }

  /** The file with its place, or its outcome if its name makes no valid place. */
  #prepare(outgoing: OutgoingFile, tag: string): Work | Outcome {
    const { config, notifications } = this.#options;
    const place = placeOf(outgoing, config);
    if (!place.ok) return { kind: "unfit", reason: place.reason };
    const notice = notifications?.nameOf(place.value, outgoing.file);
    if (notice && !notice.ok) return { kind: "unfit", reason: notice.reason };
    // A different name for each connection: late writes of a lost connection can't damage the uploads of this one.
    const partName = config.lock === "umask" ? undefined : `${place.value.name}.${tag}${config.lock}`;
    const bytes = Buffer.byteLength(partName ?? "");
    if (bytes > nameBytesMax) {
      return { kind: "unfit", reason: `its temporary name would have ${bytes} bytes, at most ${nameBytesMax} fit` };
    }
    return { outgoing, place: place.value, notice: notice?.value, partName };
  }

  async #inTurn(work: Work, live: LiveConnection): Promise<Outcome> {
    const path = remotePath(work.place.directory, work.place.name);
    const before = this.#byPath.get(path);
    const done = Promise.withResolvers<void>();
    this.#byPath.set(path, done.promise);
    try {
      await before;
      return await this.#deliver(work, live);
    } finally {
      if (this.#byPath.get(path) === done.promise) this.#byPath.delete(path);
      done.resolve();
    }
  }

  async #deliver(work: Work, live: LiveConnection): Promise<Outcome> {
    const { config, holds, events } = this.#options;
    if (live.connection.endReason !== undefined) return later(live.connection.endReason);
    const held = holds.heldBy(subjectsOf(work));
    if (held !== undefined) return later(held);
    const { file } = work.outgoing;
    const opening = openQueued(file, config.queueDirectory);
    if (opening.kind === "gone") return { kind: "gone" };
    if (opening.kind === "unreadable") return { kind: "unfit", reason: opening.reason };
    if (opening.kind === "fault") return later(opening.reason);
    const { source } = opening;
    try {
      const seen = await this.#contentState(work, source);
      if (seen?.state === "known") return { kind: "duplicate" };
      if (seen?.state === "underway") return later("a file with the same content is being sent");
      const outcome = await this.#put(work, live, source);
      if (seen) this.#options.duplicates?.end(seen.key, outcome.kind === "delivered");
      return outcome;
    } catch (error) {
      if (!(error instanceof SourceFault)) throw error;
      events.refused("other");
      return later(error.message);
    } finally {
      source.close();
    }
  }

  async #contentState({ outgoing: { file } }: Work, source: QueuedSource): Promise<ContentState | undefined> {
    const { duplicates } = this.#options;
    if (!duplicates || file.priority === retransmissionPriority) return undefined;
    return duplicates.beginKey(await source.digest());
  }

  async #put(work: Work, live: LiveConnection, source: QueuedSource): Promise<Outcome> {
    const { link, leftovers, now, events } = this.#options;
    const { place, partName, outgoing } = work;
    const beganMs = now();
    const put = await live.connection.put({ directory: place.directory, name: place.name, partName, source });
    if (put.kind === "changed") return { kind: "gone" };
    if (put.kind === "refused") return this.#refuse(work, put);
    if (put.kind === "unreadable") return later(put.reason);
    if (put.kind === "lost") {
      events.refused("connection");
      if (partName) leftovers.orphan(remotePath(place.directory, partName));
      return { kind: "later", reason: put.reason, mayBeThere: true };
    }
    link.proven();
    const fault = await this.#notify(work);
    if (fault !== undefined) return fault;
    this.#release(subjectsOf(work));
    const to = `${this.#where}/${remotePath(place.directory, place.name)}`;
    return { kind: "delivered", bytes: outgoing.file.sizeBytes, durationMs: now() - beganMs, to };
  }

  #refuse(work: Work, { fault, scope, reason }: Extract<PutOutcome, { kind: "refused" }>): Outcome {
    this.#options.events.refused(fault);
    if (fault === "name") return { kind: "unfit", reason };
    const [path, directory, server] = subjectsOf(work);
    this.#hold({ file: path, directory, server }[scope], reason);
    return later(reason);
  }

  /** Returns the outcome if the notification can't be written. */
  async #notify({ notice, place, outgoing }: Work): Promise<Outcome | undefined> {
    const { notifications, events } = this.#options;
    if (!notifications || notice === undefined) return undefined;
    try {
      await notifications.write(notice, place, outgoing.file);
      return undefined;
    } catch (error) {
      const reason = `it is on the server, but its notification can't be written: ${(error as Error).message}`;
      events.refused("notification");
      // A folder with the notification's name affects this file only; any other error affects all files.
      const isOwnFault = ["EISDIR", "ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "");
      this.#hold(isOwnFault ? remotePath(place.directory, place.name) : everything, reason);
      return { kind: "later", reason, mayBeThere: true };
    }
  }

  #hold(subject: string, reason: string): void {
    if (this.#options.holds.refuse(subject, reason)) this.#options.events.held(subject, reason);
  }

  #release(subjects: readonly string[]): void {
    for (const subject of this.#options.holds.clear(subjects)) this.#options.events.released(subject);
  }
}

/** What a refusal can apply to: the file, its directory, the server. */
function subjectsOf({ place }: Work): [string, string, string] {
  return [remotePath(place.directory, place.name), `${place.directory}/`, everything];
}

function later(reason: string): Outcome {
  return { kind: "later", reason, mayBeThere: false };
}
