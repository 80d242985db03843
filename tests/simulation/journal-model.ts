export type JournalRecord =
  | {
      readonly kind: "arrival";
      readonly key: string;
      readonly atMs: number;
      readonly source: string;
      readonly sizeBytes: number;
      readonly certain: boolean;
    }
  | { readonly kind: "certain" | "served"; readonly key: string }
  | { readonly kind: "twin"; readonly key: string; readonly ref: number; readonly body: Buffer };

/** The journal as a list. Synced records survive everything. Of the others any prefix may survive. */
export class JournalModel {
  readonly records: JournalRecord[] = [];
  #synced = 0;
  #nextRef = 1;

  get isSynced(): boolean {
    return this.#synced === this.records.length;
  }

  append(record: JournalRecord): void {
    this.records.push(record);
  }

  keepTwin(key: string, body: Buffer): number {
    const ref = this.#nextRef++;
    this.append({ kind: "twin", key, ref, body });
    return ref;
  }

  twin(ref: number): Buffer | undefined {
    for (const record of this.records) if (record.kind === "twin" && record.ref === ref) return record.body;
    return undefined;
  }

  sync(): void {
    this.#synced = this.records.length;
  }

  /** The process died: `recordsLeft` records are on disk, but at least the synced ones. */
  lose(recordsLeft: number): void {
    this.records.length = Math.min(this.records.length, Math.max(this.#synced, recordsLeft));
    this.#synced = this.records.length;
  }
}
