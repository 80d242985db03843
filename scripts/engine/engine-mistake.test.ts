import { expect, test } from "vitest";
import { engineMistake } from "./engine-mistake.ts";

// Messages of engine version 3, letter for letter.

test.each([
  ["error: no stack named 'op' found", "stack op: was never deployed", "./warren up -s op"],
  [
    "error: getting stack configuration: get stack secrets manager: incorrect passphrase",
    "stack op: its secrets",
    "stacks/Pulumi.op.passphrase",
  ],
  [
    "error: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /none: no such file or directory",
    "/none: holds no passphrase: no such file or directory",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
  ],
  ["error: write /s/op.json: no space left on device", "pulumi: error: write /s/op.json", "free some space"],
])("%s: is the user's mistake, with a remedy", (message, subject, remedy) => {
  const text = engineMistake("organization/warren/op", message)?.format();
  expect(text).toContain(subject);
  expect(text).toContain(`remedy: `);
  expect(text).toContain(remedy);
});

test("other messages are the engine's own errors", () => {
  expect(engineMistake("op", "error: update failed")).toBeUndefined();
});
