import type { DeliveryConfig } from "./config.ts";
import type { Duplicates, Twin } from "./duplicates.ts";
import type { Holds } from "./holds.ts";
import type { Leftovers } from "./leftovers.ts";
import type { Notifications } from "./notifications.ts";
import { nameBytesMax, type Place, placeOf } from "./place.ts";
import type { Destination, Outcome, OutgoingFile } from "./ports.ts";
import { openQueued, type QueuedSource } from "./queued-source.ts";
import type { LiveConnection, ServerLink } from "./server-link.ts";
import { type PutOutcome, remotePath, type ServerFault, SourceFault } from "./server-port.ts";

export interface DeliveryEvents {
  /** Of one file: told for each try. */
  refused(fault: ServerFault | "connection" | "notification"): void;
  /** A file, a directory or all are left in peace for a while; told once for a reason. */
  held(subject: string, reason: string): void;
  released(subject: string): void;
  cleaned(partsCount: number): void;
  unnoted(reason: string): void;
}

export interface DeliveryOptions {
  readonly config: Pick<DeliveryConfig, "type" | "server" | "rules" | "root" | "lock" | "queueDirectory">;
  readonly link: ServerLink;
  readonly holds: Holds;
  readonly leftovers: Leftovers;
  /** Undefined where nobody is told. */
  readonly notifications: Notifications | undefined;
  /** Undefined where the same content is sent as often as it comes. */
  readonly duplicates: Duplicates | undefined;
  readonly now: () => number;
  readonly events: DeliveryEvents;
}

/** One file with its place. */
interface Work {
  readonly outgoing: OutgoingFile;
  readonly place: Place;
  /** Of the notification; undefined where there is none. */
  readonly notice: string | undefined;
  readonly partName: string | undefined;
}

/** Folder 0 is for retransmissions, which are asked for. */
const retransmissionPriority = 0;
const everything = "the server";

/**
 * Files are put on a server, many at a time over one connection, then told of, and only then delivered: whoever removes them after that has
 * lost nothing, whenever it was killed. What a kill cuts short is done again from its beginning.
 */
export class DeliveryDestination implements Destination {
  readonly #options: DeliveryOptions;
  readonly #where: string;
  /** The last upload to each path: two files of one name go one after the other. */
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
    tell: (file: OutgoingFile, outcome: Outcome) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { link, leftovers, events } = this.#options;
    const { live } = link;
    const works: Work[] = [];
    for (const outgoing of files) {
      const work = live ? this.#prepare(outgoing, live.tag) : later("there is no connection");
      if ("kind" in work) tell(outgoing, work);
      else works.push(work);
    }
    if (!live || works.length === 0) return;
    const parts = works.flatMap(({ place, partName }) => (partName ? remotePath(place.directory, partName) : []));
    await leftovers.begin(parts).catch((error: Error) => events.unnoted(error.message));
    const worker = async () => {
      for (let work = works.shift(); work; work = works.shift()) {
        const { outgoing } = work;
        tell(outgoing, signal.aborted ? later("the sender ends") : await this.#inTurn(work, live));
      }
    };
    await Promise.all(Array.from({ length: live.connection.uploadsAtOnce }, worker));
  }

  /** Where it goes; or its outcome, where its name makes no place. */
  #prepare(outgoing: OutgoingFile, tag: string): Work | Outcome {
    const { config, notifications } = this.#options;
    const place = placeOf(outgoing, config);
    if (!place.ok) return { kind: "unfit", reason: place.reason };
    const notice = notifications?.nameOf(place.value, outgoing.file);
    if (notice && !notice.ok) return { kind: "unfit", reason: notice.reason };
    // Another name for each connection: what a lost one still does to its own, later, harms none of this one.
    const partName = config.lock === "umask" ? undefined : `${place.value.name}.${tag}${config.lock}`;
    const bytes = Buffer.byteLength(partName ?? "");
    if (bytes > nameBytesMax) {
      return { kind: "unfit", reason: `its name would have ${bytes} bytes on its way, at most ${nameBytesMax} fit` };
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
      const twin = await this.#twinOf(work, source);
      if (twin?.state === "known") return { kind: "duplicate" };
      if (twin?.state === "underway") return later("the same content is on its way");
      const outcome = await this.#put(work, live, source);
      if (twin) this.#options.duplicates?.end(twin.key, outcome.kind === "delivered");
      return outcome;
    } catch (error) {
      if (!(error instanceof SourceFault)) throw error;
      events.refused("other");
      return later(error.message);
    } finally {
      source.close();
    }
  }

  async #twinOf({ outgoing: { file } }: Work, source: QueuedSource): Promise<Twin | undefined> {
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

  /** What kept others from being told. */
  async #notify({ notice, place, outgoing }: Work): Promise<Outcome | undefined> {
    const { notifications, events } = this.#options;
    if (!notifications || notice === undefined) return undefined;
    try {
      await notifications.write(notice, place, outgoing.file);
      return undefined;
    } catch (error) {
      const reason = `it is there, and nobody can be told: ${(error as Error).message}`;
      events.refused("notification");
      // A folder of its name is that one's fault; all else keeps every file from being told of.
      const isItsOwn = ["EISDIR", "ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "");
      this.#hold(isItsOwn ? remotePath(place.directory, place.name) : everything, reason);
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

/** What a refusal can be of: the file, its directory, all. */
function subjectsOf({ place }: Work): [string, string, string] {
  return [remotePath(place.directory, place.name), `${place.directory}/`, everything];
}

function later(reason: string): Outcome {
  return { kind: "later", reason, mayBeThere: false };
}
