import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { cryptHash } from "./crypt-hash.ts";

it("is the hash that crypt(3) gives for the password, and stays the same", () => {
  for (const password of ["x", "two words: pässword", "0123456789".repeat(10)]) {
    const hash = cryptHash("wxofeed", password);
    const program = "print crypt($ARGV[0], $ARGV[1])";
    expect(execFileSync("perl", ["-e", program, password, hash], { encoding: "utf8" })).toBe(hash);
    expect(cryptHash("wxofeed", password)).toBe(hash);
    expect(cryptHash("another", password)).not.toBe(hash);
  }
});
