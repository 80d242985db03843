import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findRabbitmqBinaries, vmEnvironment } from "../scripts/traffic/rabbitmq-binaries.ts";
import { anyText } from "../tests/fuzz/values/texts.ts";
import { atom, binary, formatTerms, nativeInteger, type Term } from "./erlang-terms.ts";
import { parseTerms } from "./erlang-terms-parse.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-terms-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lets a real Erlang read a text and write its terms again, with strings and binaries as numbers. */
async function throughErlang(text: string): Promise<string> {
  const binaries = await findRabbitmqBinaries();
  const [read, written] = [join(folder, "read"), join(folder, "written")];
  writeFileSync(read, text);
  const program = `
    [Read, Written] = init:get_plain_arguments(),
    {ok, Terms} = file:consult(Read),
    ok = file:write_file(Written, unicode:characters_to_binary([io_lib:format("~tw.~n", [Term]) || Term <- Terms])),
    halt(0).`;
  const argv = ["-noinput", "-boot", "start_clean", "-eval", program.replace(/\s+/g, " "), "-extra", read, written];
  const env = vmEnvironment(binaries, folder);
  await promisify(execFile)(join(binaries.ertsBin, "erlexec"), argv, { env, timeout: 30_000 });
  return readFileSync(written, "utf8");
}

/** Erlang writes a string as a list of numbers, and a binary as its bytes. */
function plain(term: Term): Term {
  if (typeof term === "string") return Array.from(term, (character) => character.codePointAt(0) ?? 0);
  if (Array.isArray(term)) return (term as readonly Term[]).map(plain);
  if (typeof term !== "object") return term;
  if ("tuple" in term) return { tuple: term.tuple.map(plain) };
  if ("native32" in term) return binary(Buffer.from(Uint32Array.of(term.native32).buffer).toString("latin1"));
  if ("binary" in term) return binary(Buffer.from(term.binary).toString("latin1"));
  return term;
}

const text = anyText(12).map((any) => any.toWellFormed().replace(/[\ufffe\uffff]/g, ""));
const { term } = fc.letrec<{ term: Term }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small" },
    fc.boolean(),
    fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((float) => ({ float })),
    text,
    text.filter((word) => word !== "true" && word !== "false").map(atom),
    text.map(binary),
    fc.nat(0xff_ff_ff_ff).map(nativeInteger),
    fc.array(tie("term"), { maxLength: 4 }),
    fc.array(tie("term"), { maxLength: 4 }).map((items) => ({ tuple: items })),
  ),
}));

it("formats terms that a real Erlang reads, and parses the terms that Erlang writes", async () => {
  // One start of the Erlang VM for all terms.
  const terms = fc.sample(term, { numRuns: 500, seed: 1 });
  const again = parseTerms(await throughErlang(formatTerms(terms)));
  if (!again.ok) throw new Error(JSON.stringify(again));
  expect(again.terms).toHaveLength(terms.length);
  for (const [index, one] of terms.entries()) expect(again.terms[index]).toEqual(plain(one));
});
