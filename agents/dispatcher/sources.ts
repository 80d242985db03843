import type { Log } from "../lib/log.ts";

/** Sources are hosts in URLs that others wrote: beyond this many they are counted as one, `other`, and not watched. */
export const sourcesMax = 50;
/** A source that said nothing for so long was taken out of service: it is forgotten, and its alarm ends. */
const forgottenAfterMs = 86_400_000;
const otherName = "other";

/** What one source did since this process began. */
export interface SourceNumbers {
  readonly name: string;
  /** Products that it announced first, and that are out. */
  first: number;
  /** Products that were out already, by the source that had been first. */
  readonly twins: Map<string, number>;
  /** Twins whose size is not the first one's. */
  sizeDiffers: number;
  lastAtMs: number;
  /** Since when it is missed; undefined while it is not. */
  silentSinceMs: number | undefined;
}

/** A source began or ended to be silent. */
export interface SilenceChange {
  readonly source: string;
  readonly silent: boolean;
  /** How long it has said nothing, or had. */
  readonly forMs: number;
  /** It said nothing for a day, and is not missed any more. */
  readonly forgotten: boolean;
}

/**
 * The announcing hosts: who was first, how often, and who went silent. One that is silent while another is not shows that the redundancy
 * is gone before the other one dies, too. When all are silent, there may be nothing to announce: no alarm begins then.
 */
export class Sources {
  readonly #silenceMs: number;
  readonly #sources = new Map<string, SourceNumbers>();

  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  /** At most `sourcesMax` and one, `other`. */
  get all(): Iterable<SourceNumbers> {
    return this.#sources.values();
  }

  /** Names of those in alarm. */
  get silent(): string[] {
    return [...this.#sources.values()].filter((source) => source.silentSinceMs !== undefined).map(({ name }) => name);
  }

  /** Under which it is counted. */
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

  /**
   * A host that was not dispatching did not see twins: from here on everybody gets the full time to be heard again.
   */
  listenAnew(nowMs: number): void {
    for (const source of this.#sources.values()) if (source.silentSinceMs === undefined) source.lastAtMs = nowMs;
  }

  /** To be asked now and then while dispatching; tells each change once. */
  check(nowMs: number): SilenceChange[] {
    const watched = [...this.#sources.values()].filter(({ name }) => name !== otherName);
    const anyHeard = watched.some(({ lastAtMs }) => nowMs - lastAtMs < this.#silenceMs);
    const changes: SilenceChange[] = [];
    for (const source of watched) {
      const quietMs = nowMs - source.lastAtMs;
      if (source.silentSinceMs === undefined) {
        if (quietMs < this.#silenceMs || !anyHeard) continue;
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

/** Says in the journal which source is missed, and when it is no longer. To be called now and then while dispatching. */
export function logSilence(sources: Sources, log: Log, nowMs: number): void {
  for (const { source, silent, forMs, forgotten } of sources.check(nowMs)) {
    const facts = { source, silentSeconds: Math.round(forMs / 1000) };
    if (silent) log.warn(facts, "a source is silent while another one announces");
    else if (forgotten) log.warn(facts, "a source that was silent for a day is no longer missed");
    else log.info(facts, "a source that was silent announces again");
  }
}
