import fc from "fast-check";

/** Text of any code points, halves of surrogate pairs too. (`fc.string({ unit: "binary" })` takes a second to be made.) */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  const codes = fc.oneof(fc.nat(0x7f), fc.nat(0xffff), fc.nat(0x10_ffff));
  return fc.array(codes, { maxLength }).map((all) => String.fromCodePoint(...all));
}

/** A folder of this name is in the folders that agents put files into. */
export const folderName = "a-folder";
const nameBytesMax = 255;

const controls = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code === 32 ? 127 : code));

/** Names for files, as they stand in a message: escaped, or not. */
export const oddFileNames = fc.oneof(
  fc
    .constantFrom(...controls)
    .chain((control) =>
      fc.constantFrom(`a${control}b`, `${control}x`, `x${control}`, `a${encodeURIComponent(control)}b`),
    ),
  fc.constantFrom(
    ...[
      "..",
      ".",
      "",
      "...",
      "../x",
      "a/../../x",
      "/etc/passwd",
      "a//b",
      "\\..\\x",
      "%2e%2e",
      "%2e",
      "%00",
      "a%00b",
      "%2f",
      "a%2F..%2Fx",
    ],
    ...[
      "%",
      "%zz",
      "%c3",
      "%ff",
      "%C3%A9",
      "é",
      "\ud800",
      "\u202e",
      "a\u0085b",
      "\ufeff",
      ".hidden",
      ".tmp",
      "x.tmp",
      "x.tmp%20",
    ],
    ...[
      folderName,
      `${folderName}/`,
      "-rf",
      "--config",
      "~",
      "$HOME",
      "`id`",
      "a;b",
      "a|b",
      "'",
      '"',
      "*",
      "?x",
      "#x",
      "a?b#c",
      " ",
      "CON",
      "x ",
    ],
    ...["__proto__", "constructor", ":::::", "a:b:c:d:e:f", "::20150120180902"],
  ),
  fc.constantFrom(nameBytesMax - 1, nameBytesMax, nameBytesMax + 1, 4096, 8192).map((count) => "n".repeat(count)),
  fc.constantFrom(127, 128, 2000).map((count) => "é".repeat(count)),
  anyText(60),
);

/** Numbers where digits are expected. */
export const oddNumbers = fc.constantFrom(
  ...[
    "",
    "-1",
    "+1",
    "0",
    "00",
    "1e3",
    "0x10",
    "1.5",
    "NaN",
    "Infinity",
    "null",
    "१२",
    "9007199254740991",
    "9007199254740992",
  ],
  ...[
    "9999999999999999",
    "99999999999999999999",
    "1073741824",
    "1073741825",
    "2147483648",
    "4294967296",
    "9".repeat(400),
  ],
);

/** Keys where 32 hex digits are expected. */
export const oddKeys = fc.oneof(
  fc.constantFrom(
    ...["", "0", "A".repeat(32), "g".repeat(32), "a".repeat(31), "a".repeat(33), "\0".repeat(32), "__proto__"],
  ),
  anyText(40),
);

/** None of these is ever connected to: agents may fetch from one address alone, and ask no name server. */
export const oddBaseUrls = fc.oneof(
  fc.constantFrom(
    ...[
      "",
      "/",
      "http:",
      "http:/",
      "http://",
      "http:///",
      "//x/",
      "http://x",
      "http://user:secret@x.invalid/",
      "http://user@127.0.0.1:1/",
    ],
    ...[
      "http://[::1]/",
      "http://[::1]:1/",
      "http://[::ffff:127.0.0.1]/",
      "http://[fe80::1%25eth0]/",
      "http://[/",
      "http://127.0.0.1:0/",
    ],
    ...[
      "http://127.0.0.1:65535/",
      "http://127.0.0.1:65536/",
      "http://127.0.0.1:9103/",
      "http://169.254.169.254/latest/meta-data/",
    ],
    ...[
      "http://metadata.google.internal/",
      "http://2130706433/",
      "http://0x7f.1/",
      "http://0/",
      "http://localhost:1/",
      "file:///etc/",
    ],
    ...[
      "file:///",
      "ftp://127.0.0.1/",
      "sftp://127.0.0.1/",
      "gopher://127.0.0.1/",
      "javascript:/",
      "data:,/",
      "HTTP://127.0.0.1:1/",
    ],
    ...[
      "http://x.invalid/?q=/",
      "http://x.invalid/#f/",
      "http://x.invalid/../../",
      "http://x.invalid/%2e%2e/",
      "http://xn--/",
      "http://é.invalid/",
    ],
    ...[
      "http://x.invalid\\@y.invalid/",
      "http://x.invalid:80:80/",
      "http://x..invalid/",
      "http://%00/",
      "http://a b/",
      "http://\u2028/",
    ],
  ),
  fc.constantFrom(255, 2000, 8000).map((count) => `http://${"h".repeat(count)}.invalid/`),
  anyText(60),
);

/** Times where fourteen digits and milliseconds are expected. */
export const oddTimes = fc.constantFrom(
  ...["", "0", "20150120", "20151301000000.000", "20150120256161.999", "99999999999999.999", "00000000000000.000"],
  ...[
    "20150229000000.000",
    "20150120T181000.000",
    "20150120181000",
    "20150120181000.",
    "20150120181000.0000000000000000000001",
    "now",
  ],
);

/** JSON that is deep, long, or names what objects have already. */
export const oddJson = fc.oneof(
  fc.constantFrom(2000, 20_000).map((levels) => "[".repeat(levels) + "]".repeat(levels)),
  fc.constantFrom(1000, 20_000).map((levels) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`),
  fc.constantFrom(
    ...[
      "null",
      "true",
      "0",
      "-0",
      "1e999",
      '""',
      "[]",
      "{}",
      "{",
      "[1,",
      '{"__proto__":{"pubTime":1}}',
      '{"constructor":{"prototype":{}}}',
    ],
    ...["\ufeff{}", '{"a":1,"a":2}', '"\\ud800"', '{"fileOp":{"remove":""}}', "NaN", "[[[[", "9".repeat(5000)],
  ),
  fc.json({ maxDepth: 6 }),
);
