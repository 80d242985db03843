import fc from "fast-check";

/** Names that every object seems to have, and values at and beyond what readers take. */
const words = [
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "null", "~", "true", "on", "", " "],
  ...["0", "-0", "-1", "1e999", "-1e999", ".nan", ".inf", "NaN", "Infinity", "0x7fffffff", "65536", "4294967296"],
  ...["9007199254740993", "1".repeat(400), "0.1", "1_000", "0o17", "010", "2015-01-20", "2015-01-20T18:03:00Z"],
  ...["[]", "{}", "[[]]", "[null]", "{a: 1}", "{a: {b: {c: 1}}}", '""', "''", '"', "'", "|", ">", "- ", "? ", ": "],
  ...["&a", "*a", "&a [*a]", "<<: *a", "<<", "!!js/function x", "!!binary aGk=", "!!set {a, b}", "!!null x", "!x y"],
  ...[
    "\u0000",
    "\u001b[2J",
    "\u0007",
    "\ufeff",
    "\u2028",
    "\u0085",
    "\r",
    "\t",
    "%2e%2e",
    "../../etc/shadow",
    "$".concat("{HOME}"),
  ],
  ...[
    "a".repeat(3000),
    "[".repeat(300),
    "{a: ".repeat(300),
    "é".repeat(200),
    "😀",
    "\\",
    "\\u0000",
    "%",
    "@",
    "`",
    "#",
    "//",
  ],
];

/** Brackets so deep that no reader's stack is enough. */
const deep = 20_000;

export type Mutation = (bytes: Buffer) => Buffer;

const textually =
  (change: (text: string) => string): Mutation =>
  (bytes) =>
    Buffer.from(change(bytes.toString()));

/** A share of a length, whatever text it is used on. */
const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const place = (text: { readonly length: number }, at: number): number => Math.floor(text.length * at);

/** Puts a text in the place of the n-th piece that the expression finds. */
function replacePiece(text: string, expression: RegExp, at: number, by: string): string {
  const found = [...text.matchAll(expression)];
  const piece = found[place(found, at)];
  return piece ? text.slice(0, piece.index) + by + text.slice(piece.index + piece[0].length) : text;
}

const word = fc.constantFrom(...words);
const value = fc.oneof({ weight: 4, arbitrary: word }, fc.string({ unit: "binary", maxLength: 40 }));
/** Values behind a colon or a blank, keys before a colon, whole lines. */
const pieces = [
  /(?<=[:=] |- |\s)[^\s:,{}[\]]+(?=\s)/g,
  /[\w.@-]+(?=:)/g,
  /"(?:[^"\\\n]){0,200}"/g,
  /^.*$/gm,
  /[\d.]+/g,
];

const mutations: readonly fc.WeightedArbitrary<Mutation>[] = [
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.constantFrom(...pieces), share, value)
      .map(([piece, at, by]) => textually((text) => replacePiece(text, piece, at, by))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(share, value)
      .map(([at, by]) => textually((text) => text.slice(0, place(text, at)) + by + text.slice(place(text, at)))),
  },
  { weight: 2, arbitrary: share.map((at) => (bytes: Buffer) => bytes.subarray(0, place(bytes, at))) },
  { weight: 2, arbitrary: lines((all, from, to) => all.toSpliced(from, 1, all[to] ?? "")) },
  { weight: 2, arbitrary: lines((all, from) => all.toSpliced(from, 1)) },
  { weight: 2, arbitrary: lines((all, from) => all.toSpliced(from, 0, all[from] ?? "")) },
  { weight: 2, arbitrary: lines((all, from) => all.with(from, ` ${all[from]}`)) },
  { weight: 1, arbitrary: lines((all, from) => all.with(from, (all[from] ?? "").replace(/^ +/, "\t"))) },
  { weight: 1, arbitrary: fc.constant(textually((text) => text.replaceAll("\n", "\r\n"))) },
  { weight: 1, arbitrary: fc.constant(textually((text) => `\ufeff${text}`)) },
  {
    weight: 1,
    arbitrary: fc.tuple(share, fc.uint8Array({ minLength: 1, maxLength: 4 })).map(
      ([at, foreign]) =>
        (bytes: Buffer) =>
          Buffer.concat([bytes.subarray(0, place(bytes, at)), foreign, bytes.subarray(place(bytes, at))]),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(share, fc.constantFrom("[", "{", "{a: ", '{"a":', "- ", "? "))
      .map(([at, opening]) => textually((text) => replacePiece(text, /(?<=: ).+/g, at, opening.repeat(deep)))),
  },
];

function lines(change: (all: string[], from: number, to: number) => string[]): fc.Arbitrary<Mutation> {
  return fc.tuple(share, share).map(([from, to]) =>
    textually((text) => {
      const all = text.split("\n");
      return change(all, place(all, from), place(all, to)).join("\n");
    }),
  );
}

/** One to four changes, one after the other. */
export const hostileChange: fc.Arbitrary<Mutation> = fc
  .array(fc.oneof(...mutations), { minLength: 1, maxLength: 4 })
  .map((all) => (bytes) => all.reduce((changed, mutation) => mutation(changed), bytes));
