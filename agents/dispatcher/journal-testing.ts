import { createHash } from "node:crypto";
import type { Replay } from "./journal-replay.ts";

/** For tests of the journal: the replay as text, so that an order can be compared. */
export class RecordedReplay implements Replay {
  readonly all: string[] = [];
  readonly refs: number[] = [];

  arrival(key: string, atMs: number, source: string, sizeBytes: number, certain: boolean): void {
    this.all.push(`arrival ${key} ${atMs} ${source} ${sizeBytes} ${certain}`);
  }
  certain(key: string): void {
    this.all.push(`certain ${key}`);
  }
  served(key: string): void {
    this.all.push(`served ${key}`);
  }
  twin(key: string, ref: number): void {
    this.all.push(`twin ${key}`);
    this.refs.push(ref);
  }
}

export function productKey(number: number): string {
  return createHash("md5").update(String(number)).digest("hex");
}
