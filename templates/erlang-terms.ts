/**
 * Erlang terms that occur in configuration files. `true` and `false` are atoms, a string is Erlang's string, not a binary, and a number
 * is an integer.
 */
export type Term =
  | boolean
  | number
  | string
  | readonly Term[]
  | Atom
  | Binary
  | NativeInteger
  | Float
  | Tuple
  | TermMap;

export interface Atom {
  readonly atom: string;
}
/** Text in UTF-8, as in RabbitMQ's names of users, vhosts and queues. */
export interface Binary {
  readonly binary: string;
}
/** 32 bits in the machine's byte order, as for system calls. */
export interface NativeInteger {
  readonly native32: number;
}
export interface Float {
  readonly float: number;
}
export interface Tuple {
  readonly tuple: readonly Term[];
}
export interface TermMap {
  readonly map: readonly (readonly [key: Term, value: Term])[];
}

export const atom = (name: string): Atom => ({ atom: name });
export const binary = (text: string): Binary => ({ binary: text });
export const nativeInteger = (value: number): NativeInteger => ({ native32: value });
export const tuple = (...items: readonly Term[]): Tuple => ({ tuple: items });
/** `{name, value}` with an atom as name: one setting of a property list. */
export const setting = (name: string, value: Term): Tuple => tuple(atom(name), value);

/** Columns after which a list is broken into lines. */
const widthMax = 100;

/** A file for `file:consult`: each term ends in a dot. @throws RangeError for values that are no Erlang term, e.g. 1.5 as an integer */
export const formatTerms = (terms: readonly Term[]): string => terms.map((term) => `${formatTerm(term)}.\n`).join("");

/** Text of one term without a dot. Long terms are broken into lines. */
export const formatTerm = (term: Term): string => layOut(term, 0);

function layOut(term: Term, indent: number): string {
  const line = inline(term);
  if (indent + line.length <= widthMax) return line;
  if (isList(term)) {
    const inner = " ".repeat(indent + 2);
    const items = term.map((item) => `${inner}${layOut(item, indent + 2)}`);
    return `[\n${items.join(",\n")}\n${" ".repeat(indent)}]`;
  }
  if (typeof term === "object" && "tuple" in term) {
    // `{name, [`, and the list's items below it.
    const last = term.tuple.at(-1);
    if (last === undefined) return line;
    return `{${[...term.tuple.slice(0, -1).map(inline), layOut(last, indent)].join(", ")}}`;
  }
  return line;
}

const isList = (term: Term): term is readonly Term[] => Array.isArray(term);

function inline(term: Term): string {
  if (typeof term === "boolean") return String(term);
  if (typeof term === "number") return integer(term);
  if (typeof term === "string") return quoted(term, '"');
  if (isList(term)) return `[${term.map(inline).join(",")}]`;
  if ("atom" in term) return formatAtom(term.atom);
  if ("binary" in term) return formatBinary(term.binary);
  if ("native32" in term) return `<<${integer(term.native32)}:32/native>>`;
  if ("float" in term) return float(term.float);
  if ("tuple" in term) return `{${term.tuple.map(inline).join(", ")}}`;
  return `#{${term.map.map(([key, value]) => `${inline(key)} => ${inline(value)}`).join(", ")}}`;
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`an integer is expected, got ${value}`);
  return String(value);
}

/** Erlang requires a digit on both sides of the point, and a point before an exponent. */
function float(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`a finite number is expected, got ${value}`);
  const [mantissa = "", exponent] = (Object.is(value, -0) ? "-0" : String(value)).split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}${exponent === undefined ? "" : `e${exponent}`}`;
}

/** Reserved words, which as atoms must be quoted: `{'and', …}`. */
export const reservedWords: ReadonlySet<string> = new Set(
  (
    "after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse " +
    "receive rem try when xor"
  ).split(" "),
);

const formatAtom = (name: string): string =>
  /^[a-z][A-Za-z0-9_@]*$/.test(name) && !reservedWords.has(name) ? name : quoted(name, "'");

/** Text that isn't ASCII gets `/utf8`: a plain `<<"é">>` would be one byte. */
function formatBinary(text: string): string {
  if (text === "") return "<<>>";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII
  return `<<${quoted(text, '"')}${/^[\x00-\x7f]*$/.test(text) ? "" : "/utf8"}>>`;
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function quoted(text: string, quote: '"' | "'"): string {
  if (!text.isWellFormed()) throw new RangeError("text with half of a surrogate pair has no UTF-8 form");
  if (/[\ufffe\uffff]/.test(text)) throw new RangeError("Erlang reads no text with U+FFFE or U+FFFF, not even escaped");
  const characters = Array.from(text, (character) => {
    if (character === quote) return `\\${quote}`;
    const escaped = escapes[character];
    if (escaped) return escaped;
    return /[\p{C}\p{Z}]/u.test(character) && character !== " "
      ? `\\x{${(character.codePointAt(0) ?? 0).toString(16)}}`
      : character;
  });
  return `${quote}${characters.join("")}${quote}`;
}
