import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { parseStackConfig } from "./index.ts";
import { placeholder, withPlaceholders } from "./placeholders.ts";

/** The `warren:` values of a committed stack file, as committed. */
function fileValues(stack: string): Record<string, unknown> {
  const file = parse(readFileSync(new URL(`../../stacks/Pulumi.${stack}.yaml`, import.meta.url), "utf8"));
  const values = Object.entries(file.config as Record<string, unknown>);
  return Object.fromEntries(values.map(([key, value]) => [key.replace(/^warren:/, ""), value]));
}

it.each(["op", "dev"])("placeholders complete a stack whose secrets are not set yet: %s", (stack) => {
  const config = parseStackConfig(withPlaceholders(fileValues(stack)), stack);
  expect(Object.keys(config.secrets.passwords).toSorted()).toEqual(["anonymous", "feeder", "guest", "root"]);
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
    ...values,
    brokers: { bunny: { ...broker, members: ["bunny1"], series: "3.10" } },
    secrets: { secure: "v1:encrypted" },
  });
  expect(read.secrets).toEqual({
    erlangCookie: placeholder,
    passwords: Object.fromEntries(["root", "feeder", "anonymous", "guest", "sarra"].map((user) => [user, placeholder])),
  });
});

it("given secrets are kept: a password of an unknown user is still a mistake", () => {
  const values = withPlaceholders({
    ...fileValues("op"),
    secrets: { passwords: { nobody: { secure: "v1:encrypted" } } },
  });
  expect(() => parseStackConfig(values, "op")).toThrow(/secrets\.passwords\.nobody.*name of a user/s);
});
