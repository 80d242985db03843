import ssh2 from "ssh2";
import { expect, it } from "vitest";
import { newSshKey } from "./new-key.ts";

it("a new key can be read, with its comment", () => {
  // Of ssh2's own keys, one in 256 can't.
  for (let count = 0; count < 1000; count++) {
    const parsed = ssh2.utils.parseKey(newSshKey().private);
    if (parsed instanceof Error) throw parsed;
    expect(parsed.type).toBe("ssh-ed25519");
  }
  expect(newSshKey("warren op").public).toMatch(/^ssh-ed25519 AAAA\S+ warren op$/);
});
