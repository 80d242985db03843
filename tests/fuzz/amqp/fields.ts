/** One value of an AMQP 0-9-1 table, encoded with its tag; `shown` for findings. */
export interface Field {
  readonly shown: string;
  readonly bytes: Buffer;
}
export type Table = readonly (readonly [name: Buffer, value: Field])[];

const tableLevelBytes = 7;
const arrayLevelBytes = 5;

/** One byte of length, then the bytes, cut to 255. */
export function shortString(text: Buffer | string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 255);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

/** A table after its length. Names are cut to 255 bytes. */
export function encodeTable(table: Table): Buffer {
  const entries = Buffer.concat(table.flatMap(([name, { bytes }]) => [shortString(name), bytes]));
  return Buffer.concat([uint32(entries.length), entries]);
}

export function fieldOf(shown: string, tag: string, ...value: readonly Buffer[]): Field {
  return { shown, bytes: Buffer.concat([Buffer.from(tag, "latin1"), ...value]) };
}

export function textField(text: Buffer | string): Field {
  const bytes = Buffer.from(text);
  return fieldOf(`S ${JSON.stringify(bytes.toString("latin1", 0, 60))}`, "S", uint32(bytes.length), bytes);
}

export function tableField(table: Table): Field {
  return fieldOf(shownTable(table), "F", encodeTable(table));
}

export function shownTable(table: Table): string {
  const entries = table.map(([name, { shown }]) => `${JSON.stringify(name.toString("latin1", 0, 40))}: ${shown}`);
  return `{${entries.join(", ")}}`;
}

/** Tables or arrays, each with the next one as its only value: too many for a recursive encoder. */
export function nestedField(tag: "F" | "A", levels: number): Field {
  const levelBytes = tag === "F" ? tableLevelBytes : arrayLevelBytes;
  const bytes = Buffer.alloc(arrayLevelBytes + (levels - 1) * levelBytes);
  for (let level = 0, at = 0; level < levels; level++) {
    if (tag === "F" && level > 0) at += bytes.write("\x01a", at, "latin1");
    at += bytes.write(tag, at, "latin1");
    at = bytes.writeUInt32BE(bytes.length - at - 4, at);
  }
  return { shown: `${levels} ${tag === "F" ? "tables" : "arrays"} nested in each other`, bytes };
}
