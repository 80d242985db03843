import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { checkIntegrity } from "./wis-content.ts";
import { integrityBytes } from "./wis-notification.ts";

const bytes = Buffer.from("a product");
const address = { baseUrl: "https://dd/", relPath: "x" };
const digestOf = (method: string, encoding: "hex" | "base64") => createHash(method).update(bytes).digest(encoding);
const announced = { ...address, sizeBytes: 9, sum: { method: "sha512" as const, value: digestOf("sha512", "hex") } };

test("a product is compared with the announced size and sha512", () => {
  expect(checkIntegrity(announced, bytes)).toEqual({ ok: true, value: "checked" });
  expect(checkIntegrity(announced, bytes.subarray(1))).toEqual({
    ok: false,
    reason: "has 8 bytes, but was announced with 9",
  });
  expect(checkIntegrity(announced, Buffer.from("b product"))).toEqual({
    ok: false,
    reason: "its sha512 is not the announced one",
  });
});

test.each(Object.entries(integrityBytes))("%s of the standard is checked", (method, length) => {
  const wis = { integrity: { method, value: digestOf(method, "base64") } };
  expect(Buffer.from(wis.integrity.value, "base64")).toHaveLength(length);
  expect(checkIntegrity({ ...address, wis }, bytes)).toEqual({ ok: true, value: "checked" });
  expect(checkIntegrity({ ...address, wis }, Buffer.from("b product"))).toMatchObject({ ok: false });
});

test("without a checksum nothing is checked, and the result says so", () => {
  expect(checkIntegrity(address, bytes)).toEqual({ ok: true, value: "nothing to check" });
  // The md5 of v00 may be that of a name.
  expect(checkIntegrity({ ...address, key: "0".repeat(32) }, bytes)).toEqual({ ok: true, value: "nothing to check" });
});
