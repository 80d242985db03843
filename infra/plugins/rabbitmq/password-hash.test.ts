import { expect, test } from "vitest";
import { matchesHash } from "./password-hash.ts";

const sha256 = "rabbit_password_hashing_sha256";
// RabbitMQ 3.10.8's hash of "elsewhere-now".
const hash = "24xU3n6SkypzHyr/Usi5TZ6KFE/O8951tn1NkLnrEndgVHr0";

test.each([
  ["its own password", "elsewhere-now", hash, sha256, true],
  ["another password", "elsewhere-Now", hash, sha256, false],
  ["no password, where there is one", "", hash, sha256, false],
  ["a password, where there is none", "elsewhere-now", "", sha256, false],
  ["no password, where there is none", "", "", sha256, true],
  ["a password under an algorithm that nobody knows here", "elsewhere-now", hash, "rabbit_password_hashing_new", true],
])("a hash is compared with %s", (_, password, kept, algorithm, verdict) => {
  expect(matchesHash(password, kept, algorithm)).toBe(verdict);
});
