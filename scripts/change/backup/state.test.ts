import { expect, it } from "vitest";
import { resourceCount, stateForBareHosts } from "./state.ts";

const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "v1:…" };
const stack = { urn: "urn:pulumi:op::warren::pulumi:pulumi:Stack::warren-op", type: "pulumi:pulumi:Stack" };
const state = (outputs: object) =>
  JSON.stringify({
    version: 3,
    deployment: {
      manifest: { version: "v3.259.0" },
      secrets_providers: { type: "passphrase", state: { salt: "v1:…" } },
      resources: [
        { ...stack, outputs },
        { type: "command:remote:Command", urn: "urn:…" },
      ],
      pending_operations: [{ type: "creating" }],
    },
  });

it("for bare hosts, only the CA is taken from a state, still encrypted", () => {
  const text = stateForBareHosts(state({ tls: secret, steps: secret, hostKeys: { bunny1: "ssh-ed25519 …" } }));
  expect(JSON.parse(text ?? "")).toEqual({
    version: 3,
    deployment: {
      manifest: { version: "v3.259.0" },
      secrets_providers: { type: "passphrase", state: { salt: "v1:…" } },
      resources: [{ ...stack, outputs: { tls: secret } }],
    },
  });
});

it("a state without a CA offers nothing for bare hosts", () => {
  expect(stateForBareHosts(state({ steps: secret }))).toBeUndefined();
  expect(stateForBareHosts('{"version":3,"deployment":null}')).toBeUndefined();
});

it("resources are counted, and other texts are refused", () => {
  expect(resourceCount(state({}))).toBe(2);
  expect(resourceCount('{"version":3,"deployment":{"resources":null}}')).toBe(0);
  expect(() => resourceCount("{")).toThrow("does not have the format");
});
