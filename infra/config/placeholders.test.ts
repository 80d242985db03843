import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { withFilledIn } from "./fill-in.ts";
import { parseStackConfig } from "./index.ts";
import { missingSecrets, placeholder, withPlaceholders } from "./placeholders.ts";

/** The `warren:` values of a committed stack file, as committed. */
function fileValues(stack: string): Record<string, unknown> {
  const file = parse(readFileSync(new URL(`../../stacks/Pulumi.${stack}.yaml`, import.meta.url), "utf8"));
  const values = Object.entries(file.config as Record<string, unknown>);
  return Object.fromEntries(values.map(([key, value]) => [key.replace(/^warren:/, ""), value]));
}

it.each(["op", "dev"])("placeholders complete a stack whose secrets are not set yet: %s", (stack) => {
  const config = parseStackConfig(withPlaceholders(withFilledIn(fileValues(stack))), stack);
  const users = ["anonymous", "feeder", "guest", "queue-manager", "root"];
  expect(Object.keys(config.secrets.passwords).toSorted()).toEqual(users);
  expect(config.secrets.erlangCookie).toBe(placeholder);
});

it.each(["lab", "lab4"])("placeholders replace encrypted secrets without the passphrase: %s", (stack) => {
  const config = parseStackConfig(withPlaceholders(fileValues(stack)), stack);
  expect(new Set(Object.values(config.secrets.passwords))).toEqual(new Set([placeholder]));
});

it("placeholders replace secrets that are encrypted as one value, and cover users of the config", () => {
  const values = fileValues("op");
  const broker = { users: { sarra: {}, peter: { ldap: true } } };
  const read = withPlaceholders({
    ...{ ...values, datamarts: {} },
    brokers: { bunny: { ...broker, members: ["bunny1"], series: "3.10" } },
    secrets: { secure: "v1:encrypted" },
  });
  expect(read.secrets).toEqual({
    erlangCookie: placeholder,
    passwords: Object.fromEntries(["root", "feeder", "anonymous", "guest", "sarra"].map((user) => [user, placeholder])),
  });
});

it("secrets that a stack needs and lacks are listed; those for one broker are enough, and an encrypted section lacks none", () => {
  const passwords = { root: {}, feeder: {}, "anonymous@bunny": {} };
  const values = { ...fileValues("dev"), secrets: { erlangCookie: { secure: "v1:encrypted" }, passwords } };
  const missing = ["deliveryPassword", "passwords.guest", "passwords.queue-manager"];
  expect(missingSecrets(values)).toEqual(missing.map((path) => `secrets.${path}`));
  expect(missingSecrets({ ...values, secrets: { secure: "v1:encrypted" } })).toEqual([]);
  expect(missingSecrets(fileValues("lab"))).toEqual([]);
});

it("given secrets are kept: a password of an unknown user is still a mistake", () => {
  const values = withPlaceholders({
    ...withFilledIn(fileValues("op")),
    secrets: { passwords: { nobody: { secure: "v1:encrypted" } } },
  });
  expect(() => parseStackConfig(values, "op")).toThrow(/secrets\.passwords\.nobody.*name of a user/s);
});
