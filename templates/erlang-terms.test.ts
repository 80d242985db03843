import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyText } from "../tests/fuzz/values/texts.ts";
import { atom, binary, formatTerm, formatTerms, nativeInteger, setting, type Term, tuple } from "./erlang-terms.ts";
import { parseTerms } from "./erlang-terms-parse.ts";

const text = anyText(20).map((any) => any.toWellFormed().replace(/[\ufffe\uffff]/g, ""));
/** `true` and `false` are booleans. */
const name = text.filter((word) => word !== "true" && word !== "false");

const { term } = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.boolean(),
    fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((float) => ({ float })),
    text,
    name.map(atom),
    fc.constantFrom("and", "for", "in_group", "'", "Upper", "").map(atom),
    text.map(binary),
    fc.nat(0xff_ff_ff_ff).map(nativeInteger),
    fc.array(tie("term"), { maxLength: 5 }),
    fc.array(tie("term"), { maxLength: 5 }).map((items) => ({ tuple: items })),
    fc.array(fc.tuple(tie("term"), tie("term")), { maxLength: 3 }).map((map) => ({ map })),
  ),
}));

describe("formatted Erlang terms", () => {
  it("parse as the terms they were formatted from", () => {
    fc.assert(
      fc.property(fc.array(term, { maxLength: 4 }), (terms) => {
        expect(parseTerms(formatTerms(terms))).toEqual({ ok: true, terms });
      }),
      { numRuns: 2000 },
    );
  });

  it("are one line if short, otherwise one line for each item", () => {
    expect(formatTerm([setting("tcp_listeners", [5672])])).toBe("[{tcp_listeners, [5672]}]");
    const nodes = [1, 2, 3, 4].map((number) => atom(`rabbit@a-host-of-the-cluster-${number}`));
    expect(formatTerm([setting("rabbit", [setting("nodes", tuple(nodes, atom("disc")))])])).toBe(
      `[
  {rabbit, [
    {nodes, {['rabbit@a-host-of-the-cluster-1','rabbit@a-host-of-the-cluster-2','rabbit@a-host-of-the-cluster-3','rabbit@a-host-of-the-cluster-4'], disc}}
  ]}
]`,
    );
  });

  it("quote reserved words and names that don't start in lower case", () => {
    expect(formatTerm([atom("and"), atom("rabbit@bunny1"), atom("rabbit@bunny-1"), atom("DEBUG"), atom("it's")])).toBe(
      "['and',rabbit@bunny1,'rabbit@bunny-1','DEBUG','it\\'s']",
    );
  });

  it("have strings, binaries and numbers in Erlang's syntax", () => {
    const rows: [Term, string][] = [
      ['a "quoted" \\ word\n', '"a \\"quoted\\" \\\\ word\\n"'],
      [binary("guest"), '<<"guest">>'],
      [binary("é"), '<<"é"/utf8>>'],
      [nativeInteger(750), "<<750:32/native>>"],
      [{ float: 1 }, "1.0"],
      [{ float: 1e21 }, "1.0e+21"],
      [{ map: [[atom("a"), 1]] }, "#{a => 1}"],
    ];
    for (const [value, written] of rows) expect(formatTerm(value)).toBe(written);
  });

  it("are refused for values that are no term", () => {
    expect(() => formatTerm(1.5)).toThrow("an integer is expected, got 1.5");
    expect(() => formatTerm({ float: Number.NaN })).toThrow("a finite number is expected");
    expect(() => formatTerm("\ud800")).toThrow("surrogate");
    expect(() => formatTerm("\uffff")).toThrow("U+FFFF");
  });
});

const one = (written: string): unknown => {
  const parsed = parseTerms(`${written}.`);
  return parsed.ok && parsed.terms.length === 1 ? parsed.terms[0] : parsed;
};

describe("hand-written Erlang terms", () => {
  it("are parsed with comments, line breaks and quotes anywhere", () => {
    const parsed = parseTerms(`%% -*- mode: erlang -*-
[ % brokers
 {rabbit, [{auth_backends, [ {rabbit_auth_backend_ldap,rabbit_auth_backend_internal}, rabbit_auth_backend_internal]},
   {'default_user',<<"guest">>}, {log_levels, [{connection, error}]}
 ]}
]. % the end`);
    expect(parsed).toEqual({
      ok: true,
      terms: [
        [
          setting("rabbit", [
            setting("auth_backends", [
              tuple(atom("rabbit_auth_backend_ldap"), atom("rabbit_auth_backend_internal")),
              atom("rabbit_auth_backend_internal"),
            ]),
            setting("default_user", binary("guest")),
            setting("log_levels", [setting("connection", atom("error"))]),
          ]),
        ],
      ],
    });
  });

  it.each([
    ["16#ff", 255],
    ["-2#101", -5],
    ["1_000_000", 1_000_000],
    ["$a", 97],
    ["$\\n", 10],
    ["$\\s", 32],
    ["+5", 5],
    ["1.5e-3", { float: 0.0015 }],
    ['"one " "two"', "one two"],
    ['"\\x41\\x{1f600}\\101\\^A\\q\\d"', "A😀A\x01q\x7f"],
    ["<<>>", binary("")],
    ['<<"a", $b, 99>>', binary("abc")],
    ['<<"\u00e9"/utf8>>', binary("é")],
    ["'true'", true],
    [
      "#{a=>1,\n 'B' => []}",
      {
        map: [
          [atom("a"), 1],
          [atom("B"), []],
        ],
      },
    ],
    ["{}", tuple()],
  ])("read %s", (written, value) => {
    expect(one(written)).toEqual(value);
  });

  it.each([
    ["[{a, 1},\n {b, 2}", 2, 8, "`,` or `]` is expected, got the end of the text"],
    ["[{a, 1}\n {b, 2}].", 2, 2, "`,` or `]` is expected, got {b,"],
    ["[a].\n[b]", 2, 4, "`.` at the end of the term is expected, got the end of the text"],
    ["[a,].", 1, 4, "a term is expected, got ]."],
    ['[\n  "never closed].', 2, 3, 'this " is never closed'],
    ["[{users, Guest}].", 1, 10, "`Guest` is a variable"],
    ["[{and, []}].", 1, 3, "`and` is a reserved word of Erlang; write the atom as 'and'"],
    ["[a|b].", 1, 3, "a list without a tail is expected"],
    ["[99999999999999999999].", 1, 2, "not an integer below 2^53"],
    ["[2#123].", 1, 2, "not an integer below 2^53"],
    ["<<300>>.", 1, 3, "text or bytes are expected in a binary"],
    ['"\\xZZ".', 1, 2, "hexadecimal"],
    ["[".repeat(1000), 1, 202, "at most 200 levels"],
    ["[a] .x", 1, 5, "`.` at the end of the term is expected"],
  ])("are refused with line, column and reason (%#)", (written, line, column, message) => {
    expect(parseTerms(written)).toEqual({ ok: false, line, column, message: expect.stringContaining(message) });
  });

  it("are parsed or refused, and never throw, for any text", () => {
    const pieces = fc.constantFrom(
      "[",
      "]",
      "{",
      "}",
      '"',
      "'",
      "\\",
      "<<",
      ">>",
      "#{",
      "=>",
      ",",
      ".",
      "a",
      "A",
      "$",
      "1",
      "%",
      "\n",
      " ",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          anyText(20),
          fc.array(pieces).map((all) => all.join("")),
        ),
        (anything) => {
          expect(typeof parseTerms(anything).ok).toBe("boolean");
        },
      ),
      { numRuns: 2000 },
    );
  });
});
