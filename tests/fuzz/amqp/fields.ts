/** Values of AMQP 0-9-1 header tables as RabbitMQ and its clients write them: every type, at any value. */
export type Field =
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "int"; readonly tag: "b" | "B" | "s" | "u" | "I" | "i" | "l"; readonly value: bigint }
  | { readonly type: "float" | "double"; readonly value: number }
  | { readonly type: "decimal"; readonly places: number; readonly digits: number }
  | { readonly type: "timestamp"; readonly value: bigint }
  | { readonly type: "string" | "bytes"; readonly value: Buffer }
  | { readonly type: "void" }
  | { readonly type: "array"; readonly values: readonly Field[] }
  | { readonly type: "table"; readonly entries: Table }
  /** Tables or arrays one in the other: too many for a tree that is written by recursion. */
  | { readonly type: "nested"; readonly tag: "F" | "A"; readonly levels: number };

export type Table = readonly (readonly [name: Buffer, value: Field])[];

const intBytes = { b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, l: 8 } as const;
const tableLevelBytes = 7;
const arrayLevelBytes = 5;

/** A table with its length before it. Names of more than 255 bytes can't be written. */
export function encodeTable(table: Table): Buffer {
  const entries = table.flatMap(([name, value]) => [shortString(name), encodeField(value)]);
  return withLength(Buffer.concat(entries));
}

/** One byte of length, then the bytes: the most that fit. */
export function shortString(text: Buffer | string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 255);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

export function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
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

function encodeField(field: Field): Buffer {
  switch (field.type) {
    case "bool":
      return tagged("t", Buffer.from([field.value ? 1 : 0]));
    case "int":
      return tagged(field.tag, uint64(field.value).subarray(8 - intBytes[field.tag]));
    case "float":
    case "double": {
      const bytes = Buffer.alloc(field.type === "float" ? 4 : 8);
      if (field.type === "float") bytes.writeFloatBE(field.value);
      else bytes.writeDoubleBE(field.value);
      return tagged(field.type === "float" ? "f" : "d", bytes);
    }
    case "decimal":
      return tagged("D", Buffer.concat([Buffer.from([field.places]), uint32(field.digits)]));
    case "timestamp":
      return tagged("T", uint64(field.value));
    case "string":
      return tagged("S", withLength(field.value));
    case "bytes":
      return tagged("x", withLength(field.value));
    case "void":
      return Buffer.from("V");
    case "array":
      return tagged("A", withLength(Buffer.concat(field.values.map(encodeField))));
    case "table":
      return tagged("F", encodeTable(field.entries));
    case "nested":
      return encodeNested(field.tag, field.levels);
  }
}

function tagged(tag: string, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(tag, "latin1"), bytes]);
}

/** Each level has the next one as its only value, the innermost is empty. */
function encodeNested(tag: "F" | "A", levels: number): Buffer {
  const levelBytes = tag === "F" ? tableLevelBytes : arrayLevelBytes;
  const bytes = Buffer.alloc(arrayLevelBytes + (levels - 1) * levelBytes);
  let at = 0;
  for (let level = 0; level < levels; level++) {
    if (tag === "F" && level > 0) at = bytes.writeUInt8(97, bytes.writeUInt8(1, at));
    at += bytes.write(tag, at, "latin1");
    at = bytes.writeUInt32BE(bytes.length - at - 4, at);
  }
  return bytes;
}
