import fc from "fast-check";
import { anyText, oddValues, weighted } from "../values/texts.ts";

/** Depth of brackets that exceeds every recursive reader's stack. */
const deep = 20_000;

type Mutation = (bytes: Buffer) => Buffer;

/** A position as a fraction of a text's length: from 0 to below 1. */
const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const place = (text: { readonly length: number }, at: number): number => Math.floor(text.length * at);

function textually<T>(values: fc.Arbitrary<T>, change: (text: string, value: T) => string): fc.Arbitrary<Mutation> {
  return values.map((value) => (bytes) => Buffer.from(change(bytes.toString(), value)));
}

function ofLines(change: (all: string[], from: number, to: number) => string[]): fc.Arbitrary<Mutation> {
  return textually(fc.tuple(share, share), (text, [from, to]) => {
    const all = text.split("\n");
    return change(all, place(all, from), place(all, to)).join("\n");
  });
}

/** Replaces one of the pieces that match the expression. */
function replacePiece(text: string, expression: RegExp, at: number, by: string): string {
  const found = [...text.matchAll(expression)];
  const piece = found[place(found, at)];
  return piece ? text.slice(0, piece.index) + by + text.slice(piece.index + piece[0].length) : text;
}

const value = weighted([4, fc.constantFrom(...oddValues)], [1, anyText(40)]);
/** Values after a colon or a blank, keys before a colon, quoted texts, lines, numbers. */
const pieces = fc.constantFrom(
  /(?<=[:=] |- |\s)[^\s:,{}[\]]+(?=\s)/g,
  /[\w.@-]+(?=:)/g,
  /"(?:[^"\\\n]){0,200}"/g,
  /^.*$/gm,
  /[\d.]+/g,
);
const foreign = fc.tuple(share, fc.uint8Array({ minLength: 1, maxLength: 4 }));
const openings = fc.tuple(share, fc.constantFrom("[", "{", "{a: ", '{"a":', "- ", "? "));

const mutation = weighted<Mutation>(
  [12, textually(fc.tuple(pieces, share, value), (text, [piece, at, by]) => replacePiece(text, piece, at, by))],
  [
    3,
    textually(fc.tuple(share, value), (text, [at, by]) => {
      return text.slice(0, place(text, at)) + by + text.slice(place(text, at));
    }),
  ],
  [2, share.map((at) => (bytes: Buffer) => bytes.subarray(0, place(bytes, at)))],
  [2, ofLines((all, from, to) => all.toSpliced(from, 1, all[to] ?? ""))],
  [2, ofLines((all, from) => all.toSpliced(from, 1))],
  [2, ofLines((all, from) => all.toSpliced(from, 0, all[from] ?? ""))],
  [2, ofLines((all, from) => all.with(from, ` ${all[from]}`))],
  [1, ofLines((all, from) => all.with(from, (all[from] ?? "").replace(/^ +/, "\t")))],
  [1, textually(fc.constant("\r\n"), (text, end) => text.replaceAll("\n", end))],
  [1, textually(fc.constant("\ufeff"), (text, mark) => mark + text)],
  [
    1,
    foreign.map(
      ([at, more]) =>
        (bytes: Buffer) =>
          Buffer.concat([bytes.subarray(0, place(bytes, at)), more, bytes.subarray(place(bytes, at))]),
    ),
  ],
  [1, textually(openings, (text, [at, opening]) => replacePiece(text, /(?<=: ).+/g, at, opening.repeat(deep)))],
);

/** One to four changes, one after the other. */
export const hostileChange: fc.Arbitrary<Mutation> = fc
  .array(mutation, { minLength: 1, maxLength: 4 })
  .map((all) => (bytes) => all.reduce((changed, change) => change(changed), bytes));
