import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { dropTornAttributes } from "./engine-lock.ts";

const whole = '{"user.content_type":"text/plain; charset=utf-8","user.metadata":null,"md5":"DWnh9rf7NYXFhHeZzdRKPw=="}';

it.each([
  ["complete ones stay", whole, true],
  ["truncated ones are removed", whole.slice(0, 40), false],
  ["empty ones are removed", "", false],
])("attributes of a state whose engine was killed: %s", (_, text, stays) => {
  const folder = mkdtempSync(path.join(tmpdir(), "warren-engine-"));
  try {
    const state = path.join(folder, "op.json");
    // Removing missing attributes again is harmless.
    dropTornAttributes(state);
    writeFileSync(state, "{}");
    writeFileSync(`${state}.attrs`, text);
    dropTornAttributes(state);
    expect([existsSync(state), existsSync(`${state}.attrs`)]).toEqual([true, stays]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
