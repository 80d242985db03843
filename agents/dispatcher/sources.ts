import type { Log } from "../lib/log.ts";

/** A source is a host in a URL that others wrote. Beyond this many, sources are counted as one, `other`, and not watched. */
export const sourcesMax = 50;
/** A source silent for this long was taken out of service: it is forgotten and its alarm ends. */
const forgottenAfterMs = 86_400_000;
const otherName = "other";

/** One source's counts since this process started. */
export interface SourceNumbers {
  readonly name: string;
  /** Published products that it announced first. */
  first: number;
  /** Announcements of products already published, by the source that was first. */
  readonly twins: Map<string, number>;
  /** Twins whose size differs from the first one's. */
  sizeDiffers: number;
  lastAtMs: number;
  /** When it was first found silent; undefined while it is not. */
  silentSinceMs: number | undefined;
}

/** A source became silent, or is no longer silent. */
export interface SilenceChange {
  readonly source: string;
  readonly silent: boolean;
  /** How long it is, or was, silent. */
  readonly forMs: number;
  /** It was silent for a day and is no longer watched. */
  readonly forgotten: boolean;
}

/**
 * The announcing hosts: who was first, how often, and who is silent. If one is silent while another is not, redundancy is lost, and the
 * operator should know before the other fails too. If all are silent there may be nothing to announce, so no alarm is raised.
 */
export class Sources {
  readonly #silenceMs: number;
  readonly #sources = new Map<string, SourceNumbers>();

  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  /** At most `sourcesMax` sources, and `other`. */
  get all(): Iterable<SourceNumbers> {
    return this.#sources.values();
  }

  /** Names of the sources in alarm. */
  get silent(): string[] {
    return [...this.#sources.values()].filter((source) => source.silentSinceMs !== undefined).map(({ name }) => name);
  }

  /** The name under which it is counted. */
  nameOf(name: string): string {
    return this.#sources.has(name) ? name : otherName;
  }

  /** It announced something, wherever that was seen. */
  seen(name: string, atMs: number): SourceNumbers {
    const source = this.#sources.get(name) ?? this.#add(name, atMs);
    if (atMs > source.lastAtMs) source.lastAtMs = atMs;
    return source;
  }

  won(name: string, atMs: number): void {
    this.seen(name, atMs).first++;
  }

  twin(name: string, firstName: string, sizeDiffers: boolean, atMs: number): void {
    const source = this.seen(name, atMs);
    const first = this.nameOf(firstName);
    source.twins.set(first, (source.twins.get(first) ?? 0) + 1);
    if (sizeDiffers) source.sizeDiffers++;
  }

  /** A host that was not dispatching saw no twins, so every source gets the full time again. */
  restartSilence(nowMs: number): void {
    for (const source of this.#sources.values()) if (source.silentSinceMs === undefined) source.lastAtMs = nowMs;
  }

  /** Call periodically while dispatching. Reports each change once. */
  check(nowMs: number): SilenceChange[] {
    const watched = [...this.#sources.values()].filter(({ name }) => name !== otherName);
    const isAnyHeard = watched.some(({ lastAtMs }) => nowMs - lastAtMs < this.#silenceMs);
    const changes: SilenceChange[] = [];
    for (const source of watched) {
      const quietMs = nowMs - source.lastAtMs;
      if (source.silentSinceMs === undefined) {
        if (quietMs < this.#silenceMs || !isAnyHeard) continue;
        source.silentSinceMs = source.lastAtMs;
        changes.push({ source: source.name, silent: true, forMs: quietMs, forgotten: false });
      } else if (source.lastAtMs > source.silentSinceMs) {
        const forMs = source.lastAtMs - source.silentSinceMs;
        source.silentSinceMs = undefined;
        changes.push({ source: source.name, silent: false, forMs, forgotten: false });
      } else if (quietMs >= forgottenAfterMs) {
        this.#sources.delete(source.name);
        changes.push({ source: source.name, silent: false, forMs: quietMs, forgotten: true });
      }
    }
    return changes;
  }

  #add(name: string, atMs: number): SourceNumbers {
    const full = this.#sources.size >= sourcesMax;
    const own = full ? otherName : name;
    const known = this.#sources.get(own);
    if (known) return known;
    const added = { name: own, first: 0, twins: new Map(), sizeDiffers: 0, lastAtMs: atMs, silentSinceMs: undefined };
    this.#sources.set(own, added);
    return added;
  }
}

/** Logs which sources became silent or are no longer. Call periodically while dispatching. */
export function logSilence(sources: Sources, log: Log, nowMs: number): void {
  for (const { source, silent, forMs, forgotten } of sources.check(nowMs)) {
    const facts = { source, silentSeconds: Math.round(forMs / 1000) };
    if (silent) log.warn(facts, "a source is silent while another one announces");
    else if (forgotten) log.warn(facts, "a source was silent for a day and is no longer watched");
    else log.info(facts, "a source that was silent announces again");
  }
}
