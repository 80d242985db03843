import fc from "fast-check";

/** What is made in a folder that an agent reads. */
export interface Entry {
  /** Without a slash and NUL, at most 255 bytes. */
  readonly name: Buffer;
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** Seconds since 1970 of the last change; undefined: now. */
  readonly modifiedSeconds: number | undefined;
  /** One of the folders that are there, by its number. */
  readonly folder: number;
}

/** As what it begins, and what becomes of it while it is read. */
export const entryKinds = [
  ...["file", "file", "file", "file", "empty", "sparse", "closed-file", "hard-link", "in-use"],
  ...["grows", "shrinks", "vanishes", "replaced", "replaced-by-link", "replaced-by-folder", "replaced-by-pipe"],
  ...["link-to-secret", "link-to-folder", "link-to-nothing", "link-to-itself", "link-loop", "link-to-device"],
  ...["pipe", "device", "socket", "folder", "closed-folder", "unlisted-folder", "named-only-folder", "full-folder"],
  ...["deep-folder", "moved-folder", "folder-becomes-link"],
] as const;
export type EntryKind = (typeof entryKinds)[number];

const nameBytesMax = 255;
/** The input's number is in its content: it is told from all others by that. */
const contentBytesMin = 32;
const control = fc.integer({ min: 1, max: 0x1f }).map((code) => Buffer.from([code]));
const oddPieces = [
  ...[
    "\n",
    "\u001b[2J",
    "\u007f",
    "\u0085",
    "\u2028",
    "\r\n",
    "\t",
    " ",
    "  ",
    "%2e%2e",
    "%2f",
    "%00",
    "%0a",
    "%",
    "\\",
    "..",
    "...",
  ],
  ...[
    "é",
    "日本",
    "😀",
    "\ufeff",
    "\u202e",
    "e\u0301",
    '"',
    "'",
    "`id`",
    "$".concat("{HOME}"),
    "$(id)",
    "*",
    "#",
    "?",
    "[",
    "]",
    "@",
    "~",
  ],
  ...[
    "++",
    ":",
    "::",
    ":::::",
    ".tmp",
    "-rf",
    "--",
    "__proto__",
    "constructor",
    "http:",
    ";",
    "|",
    "&",
    "<",
    ">",
    "\u0001",
  ],
].map((text) => Buffer.from(text));
const foreign = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes));
const plain = fc.stringMatching(/^[a-zA-Z0-9_.:~-]{1,12}$/).map((text) => Buffer.from(text));
const long = fc.constantFrom("a", "é", "%", " ", "\u0001").map((sign) => Buffer.from(sign.repeat(nameBytesMax)));

const piece = fc.oneof(
  { weight: 4, arbitrary: plain },
  { weight: 3, arbitrary: fc.constantFrom(...oddPieces) },
  { weight: 2, arbitrary: control },
  { weight: 1, arbitrary: foreign },
  { weight: 1, arbitrary: long },
);

const secondsOfYear = 31_556_952;
const times = [
  -62_135_596_800,
  -1,
  0,
  1,
  2 ** 31,
  2 ** 32,
  200 * secondsOfYear,
  8_000 * secondsOfYear,
  300_000 * secondsOfYear,
];

/** Any entry; `tag` is in its name where there is room, so that it can be found again. */
export const hostileEntry = (foldersCount: number): fc.Arbitrary<Omit<Entry, "name"> & { readonly pieces: Buffer[] }> =>
  fc.record({
    pieces: fc.array(piece, { minLength: 1, maxLength: 4 }),
    kind: fc.constantFrom(...entryKinds),
    sizeBytes: fc.oneof(fc.integer({ min: contentBytesMin, max: 3000 }), fc.constantFrom(65_536, 65_537, 200_000)),
    modifiedSeconds: fc.option(fc.constantFrom(...times), { nil: undefined, freq: 4 }),
    folder: fc.nat({ max: foldersCount - 1 }),
  });

/** A name that a folder takes, with the input's number in it: hardly ever that of another one. */
export function nameOf(pieces: readonly Buffer[], index: number): Buffer {
  const [first = Buffer.alloc(0), ...rest] = pieces;
  const number = Buffer.from(`${index}`);
  const head = first.subarray(0, nameBytesMax - number.length);
  const joined = Buffer.concat([head, number, ...rest]).filter((byte) => byte !== 0 && byte !== 0x2f);
  return Buffer.from(joined.subarray(0, nameBytesMax));
}
