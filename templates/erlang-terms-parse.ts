import { type Atom, type Binary, type Float, type NativeInteger, reservedWords, type Term } from "./erlang-terms.ts";

/** Where and why a text is invalid; line and column count from 1. */
export interface TermsFault {
  readonly ok: false;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
export type TermsResult = { readonly ok: true; readonly terms: Term[] } | TermsFault;

/** Deeper than any configuration; protects the call stack from texts of brackets. */
const depthMax = 200;

class Fault extends Error {
  readonly offset: number;
  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Reads what `file:consult` reads: terms, each ended by a dot. Supports comments, quoted atoms, all escapes, `16#ff`, `$a`, adjacent
 * strings, binaries of text and `<<1:32/native>>`, and maps. Variables, improper lists, other bit strings and integers above 2^53 are
 * faults that name them.
 */
export function parseTerms(text: string): TermsResult {
  const reader = new Reader(text);
  try {
    const terms: Term[] = [];
    while (!reader.atEnd()) {
      terms.push(reader.term(0));
      reader.dot();
    }
    return { ok: true, terms };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const before = text.slice(0, error.offset).split("\n");
    return { ok: false, line: before.length, column: (before.at(-1) ?? "").length + 1, message: error.message };
  }
}

/** The text and an offset, with methods that read from there. */
class Reader {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    // Windows editors write a byte order mark.
    this.#text = text;
    if (text.startsWith("\ufeff")) this.#offset = 1;
  }

  atEnd(): boolean {
    this.#skip();
    return this.#offset >= this.#text.length;
  }

  /** The dot that ends a term: space, a comment or nothing follows it. */
  dot(): void {
    this.#skip();
    if (!this.#match(/\.(?=\s|%|$)/y)) throw this.#unexpected("`.` at the end of the term");
  }

  term(depth: number): Term {
    this.#skip();
    const start = this.#offset;
    if (depth > depthMax) throw new Fault(start, `at most ${depthMax} levels are expected`);
    if (this.#match(/\[/y)) return this.#items("]", depth);
    if (this.#match(/\{/y)) return { tuple: this.#items("}", depth) };
    if (this.#match(/#\{/y)) return { map: this.#entries(depth) };
    if (this.#match(/<</y)) return this.#binary();
    if (this.#peek() === '"') return this.#strings();
    if (this.#peek() === "'") return bool(this.#quoted("'"));
    const word = this.#match(/[a-zß-öø-ÿ][\p{L}\p{N}_@]*/uy);
    if (word) {
      if (reservedWords.has(word))
        throw new Fault(start, `\`${word}\` is a reserved word of Erlang; write the atom as '${word}'`);
      return bool(word);
    }
    const variable = this.#match(/[\p{Lu}_][\p{L}\p{N}_@]*/uy);
    if (variable) {
      throw new Fault(start, `\`${variable}\` is a variable; atoms start with a lower-case letter or are quoted`);
    }
    return this.#number() ?? this.#fail("a term");
  }

  #items(close: "]" | "}", depth: number): Term[] {
    const items: Term[] = [];
    if (this.#closes(close)) return items;
    for (;;) {
      items.push(this.term(depth + 1));
      if (this.#closes(close)) return items;
      if (close === "]" && this.#peek() === "|") throw new Fault(this.#offset, "a list without a tail is expected");
      this.#comma(close);
    }
  }

  #entries(depth: number): [Term, Term][] {
    const entries: [Term, Term][] = [];
    if (this.#closes("}")) return entries;
    for (;;) {
      const key = this.term(depth + 1);
      this.#skip();
      if (!this.#match(/=>/y)) throw this.#unexpected("`=>`");
      entries.push([key, this.term(depth + 1)]);
      if (this.#closes("}")) return entries;
      this.#comma("}");
    }
  }

  #closes(close: "]" | "}"): boolean {
    this.#skip();
    if (this.#peek() !== close) return false;
    this.#offset += 1;
    return true;
  }

  #comma(close: string): void {
    if (!this.#match(/,/y)) throw this.#unexpected(`\`,\` or \`${close}\``);
  }

  /** Segments of text or bytes. Without `/utf8` a character is a byte, and bytes above 127 are read as Latin-1. */
  #binary(): Binary | NativeInteger {
    let text = "";
    this.#skip();
    const native = this.#match(/\d{1,10}(?=:32\/native\s*>>)/y);
    if (native !== undefined) {
      this.#match(/:32\/native\s*>>/y);
      return { native32: Number(native) };
    }
    if (this.#match(/>>/y)) return { binary: text };
    for (;;) {
      this.#skip();
      const start = this.#offset;
      const part = this.#peek() === '"' ? this.#quoted('"') : this.#number();
      if (typeof part === "string") text += part;
      else if (typeof part === "number" && part >= 0 && part <= 255) text += String.fromCharCode(part);
      else throw new Fault(start, "text or bytes are expected in a binary");
      this.#match(/\/utf8/y);
      this.#skip();
      if (this.#match(/>>/y)) return { binary: text };
      this.#comma(">>");
    }
  }

  #strings(): string {
    let text = "";
    while (this.#peek() === '"') {
      text += this.#quoted('"');
      this.#skip();
    }
    return text;
  }

  #quoted(quote: '"' | "'"): string {
    const start = this.#offset;
    this.#offset += 1;
    let text = "";
    for (;;) {
      text += this.#match(quote === '"' ? /[^"\\]+/y : /[^'\\]+/y) ?? "";
      if (this.#peek() === quote) {
        this.#offset += 1;
        return text;
      }
      if (this.#peek() !== "\\") throw new Fault(start, `this ${quote} is never closed`);
      text += this.#escape(start);
    }
  }

  #escape(start: number): string {
    const at = this.#offset;
    this.#offset += 1;
    const code = this.#match(/x\{[0-9a-fA-F]{1,6}\}|x[0-9a-fA-F]{2}|[0-7]{1,3}/y);
    if (code !== undefined) {
      const value = code.startsWith("x") ? Number.parseInt(code.replace(/[x{}]/g, ""), 16) : Number.parseInt(code, 8);
      if (value > 0x10_ffff || (value >= 0xd800 && value <= 0xdfff)) throw new Fault(at, `\\${code} is no character`);
      return String.fromCodePoint(value);
    }
    const control = this.#match(/\^[@-_a-z]/y);
    if (control) return String.fromCharCode(control.charCodeAt(1) & 31);
    const letter = this.#match(/[\s\S]/uy);
    if (letter === undefined) throw new Fault(start, "the text ends in an escape");
    if (letter === "x") throw new Fault(at, "two hexadecimal digits, or some in braces, are expected after \\x");
    return letters[letter] ?? letter;
  }

  #number(): number | Float | undefined {
    const start = this.#offset;
    const character = this.#match(/\$(?!\\)[\s\S]/uy);
    if (character) return character.codePointAt(1) ?? 0;
    if (this.#match(/\$(?=\\)/y)) return this.#escape(start).codePointAt(0) ?? 0;
    const float = this.#match(/[+-]?\d+(?:_\d+)*\.\d+(?:_\d+)*(?:[eE][+-]?\d+)?/y);
    if (float) return { float: Number(float.replaceAll("_", "")) };
    const based = this.#match(/[+-]?\d{1,2}#[0-9a-zA-Z]+(?:_[0-9a-zA-Z]+)*/y);
    const digits = based ?? this.#match(/[+-]?\d+(?:_\d+)*/y);
    if (digits === undefined) return undefined;
    const value = based ? inBase(based.replaceAll("_", "")) : Number(digits.replaceAll("_", ""));
    if (!Number.isSafeInteger(value)) throw new Fault(start, `${digits} is not an integer below 2^53`);
    return value === 0 ? 0 : value;
  }

  #skip(): void {
    this.#match(/(?:\s+|%[^\n]*)+/y);
  }

  #peek(): string | undefined {
    return this.#text[this.#offset];
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #unexpected(expected: string): Fault {
    const found = /\S{1,20}/y;
    found.lastIndex = this.#offset;
    return new Fault(
      this.#offset,
      `${expected} is expected, got ${found.exec(this.#text)?.[0] ?? "the end of the text"}`,
    );
  }

  #fail(expected: string): never {
    throw this.#unexpected(expected);
  }
}

const letters: Readonly<Record<string, string>> = {
  b: "\b",
  d: "\x7f",
  e: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  s: " ",
  t: "\t",
  v: "\v",
};

const bool = (name: string): boolean | Atom => (name === "true" ? true : name === "false" ? false : { atom: name });

/** NaN if the base isn't 2 to 36, or a digit isn't valid in it. */
function inBase(text: string): number {
  const [base = "", digits = ""] = text.replace(/^[+-]/, "").split("#");
  const radix = Number(base);
  const isDigit = (digit: string) => Number.parseInt(digit, 36) < radix;
  if (radix < 2 || radix > 36 || ![...digits].every(isDigit)) return Number.NaN;
  return (text.startsWith("-") ? -1 : 1) * Number.parseInt(digits, radix);
}
