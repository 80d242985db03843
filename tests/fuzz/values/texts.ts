import fc from "fast-check";

/** Splits a text at blanks and newlines. */
const words = (text: string): readonly string[] => text.split(/[ \n]+/).filter((word) => word !== "");

/** One of several arbitraries, chosen by weight. */
export function weighted<T>(...choices: readonly (readonly [weight: number, values: fc.Arbitrary<T>])[]) {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

/** Text of any code points, including halves of surrogate pairs. (`fc.string({ unit: "binary" })` takes a second to create.) */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  const codes = fc.oneof(fc.nat(0x7f), fc.nat(0xffff), fc.nat(0x10_ffff));
  return fc.array(codes, { maxLength }).map((all) => String.fromCodePoint(...all));
}

/** The folders into which agents put files contain a folder of this name. */
export const folderName = "a-folder";

const controls = Array.from({ length: 33 }, (_, code) => String.fromCharCode(code === 32 ? 127 : code));

/** Pieces of names with a special meaning for file systems, shells, URLs, terminals, JavaScript objects or agents. */
export const oddPieces: readonly string[] = [
  ...words(`.. . ... ../x a/../../x /etc/passwd a//b \\..\\x %2e%2e %2e %2f a%2F..%2Fx %00 a%00b %0a % %zz %c3 %ff`),
  ...words(`%C3%A9 é 日本 😀 e\u0301 \ufeff \u202e \u2028 \u0085 a\u0085b \ud800 \u001b[2J \u007f \u0001`),
  ...words(
    `.hidden .tmp x.tmp x.tmp%20 ${folderName} ${folderName}/ -rf -- --config ~ $HOME $\{HOME} $(id) \`id\` a;b`,
  ),
  ...words(`a|b & < > ' " * ? ?x # #x a?b#c [ ] @ ++ \\ CON : :: ::::: a:b:c:d:e:f ::20150120180902 http:`),
  ...words(`__proto__ constructor`),
  ...["\n", "\r\n", "\t", " ", "  ", "x "],
];

const nameBytesMax = 255;

/** File names as messages contain them, escaped or not. */
export const oddNames = fc.oneof(
  fc
    .constantFrom(...controls)
    .chain((control) =>
      fc.constantFrom(`a${control}b`, `${control}x`, `x${control}`, `a${encodeURIComponent(control)}b`),
    ),
  fc.constantFrom("", ...oddPieces),
  fc.constantFrom(nameBytesMax - 1, nameBytesMax, nameBytesMax + 1, 4096, 8192).map((count) => "n".repeat(count)),
  fc.constantFrom(127, 128, 2000).map((count) => "é".repeat(count)),
  anyText(60),
);

/** Values in place of digits: at and beyond the limits of readers. */
export const oddNumbers = fc.constantFrom(
  "",
  ...words(`-1 +1 0 00 1e3 0x10 1.5 NaN Infinity null १२ 9007199254740991 9007199254740992 9999999999999999`),
  ...words(`99999999999999999999 1073741824 1073741825 2147483648 4294967296 ${"9".repeat(400)}`),
);

/** Values in place of 32 hex digits. */
export const oddKeys = fc.oneof(
  fc.constantFrom("", "0", "\0".repeat(32), "__proto__"),
  fc.constantFrom("A".repeat(32), "g".repeat(32), "a".repeat(31), "a".repeat(33)),
  anyText(40),
);

/** No agent connects to any of these: agents may fetch only from one address, and use no name server. */
export const oddBaseUrls = fc.oneof(
  fc.constantFrom(
    "",
    ...words(`/ http: http:/ http:// http:/// //x/ http://x http://user:secret@x.invalid/ http://user@127.0.0.1:1/`),
    ...words(`http://[::1]:1/ http://[::ffff:127.0.0.1]/ http://[fe80::1%25eth0]/ http://[/ http://127.0.0.1:0/`),
    ...words(`http://127.0.0.1:65536/ http://127.0.0.1:9103/ http://169.254.169.254/latest/meta-data/ http://0x7f.1/`),
    ...words(`http://2130706433/ http://0/ http://localhost:1/ file:///etc/ file:/// ftp://127.0.0.1/ gopher://x/`),
    ...words(`javascript:/ data:,/ HTTP://127.0.0.1:1/ http://x.invalid/?q=/ http://x.invalid/#f/ http://xn--/`),
    ...words(`http://x.invalid/../../ http://x.invalid/%2e%2e/ http://é.invalid/ http://x.invalid\\@y.invalid/`),
    ...words(`http://x.invalid:80:80/ http://x..invalid/ http://%00/ http://\u2028/`),
    "http://a b/",
  ),
  fc.constantFrom(255, 2000, 8000).map((count) => `http://${"h".repeat(count)}.invalid/`),
  anyText(60),
);

/** Values in place of fourteen digits and milliseconds. */
export const oddTimes = fc.constantFrom(
  "",
  ...words(`0 20150120 20151301000000.000 20150120256161.999 99999999999999.999 00000000000000.000 now`),
  ...words(`20150229000000.000 20150120T181000.000 20150120181000 20150120181000. 20150120181000.0000000000000000001`),
);

/** JSON that is deep, long, or uses names that objects already have. */
export const oddJson = fc.oneof(
  fc.constantFrom(2000, 20_000).map((levels) => "[".repeat(levels) + "]".repeat(levels)),
  fc.constantFrom(1000, 20_000).map((levels) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`),
  fc.constantFrom(
    ...words(`null true 0 -0 1e999 "" [] {} { [1, [[[[ NaN \ufeff{} {"a":1,"a":2} "\\ud800" ${"9".repeat(5000)}`),
    ...words(`{"__proto__":{"pubTime":1}} {"constructor":{"prototype":{}}} {"fileOp":{"remove":""}}`),
  ),
  fc.json({ maxDepth: 6 }),
);

/** YAML and JSON values for configs and answers: at and beyond the limits of readers. */
export const oddValues: readonly string[] = [
  ...oddPieces,
  ...words(`toString hasOwnProperty prototype null ~ true on 0 -0 -1 1e999 -1e999 .nan .inf NaN Infinity 0x7fffffff`),
  ...words(`65536 4294967296 9007199254740993 0.1 1_000 0o17 010 2015-01-20 2015-01-20T18:03:00Z [] {} [[]] [null]`),
  ...words(`"" '' | &a *a << \\u0000 // ../../etc/shadow \u0000 \u0007 ${"1".repeat(400)}`),
  ...["", "{a: 1}", "{a: {b: {c: 1}}}", "- ", "? ", ": ", "&a [*a]", "<<: *a", "!!js/function x", "!!null x", "!x y"],
  ...["!!binary aGk=", "!!set {a, b}", "a".repeat(3000), "[".repeat(300), "{a: ".repeat(300), "é".repeat(200)],
];
