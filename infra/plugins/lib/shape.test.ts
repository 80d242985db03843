import { expect, it } from "vitest";
import { checkShape, join, type Shape } from "./shape.ts";
import { isSecret, pathAsset, secret, unknown } from "./values.ts";

const shape: Shape = {
  name: { type: "string", required: true },
  count: { type: "integer", default: 3 },
  password: { type: "string", secret: true },
  mode: { type: { oneOf: ["fast", "slow"] } },
  tags: { type: { map: "string" } },
  hosts: { type: { list: { object: { address: { type: "string", required: true } } } } },
  file: { type: "asset" },
  port: { type: "number", rule: (value) => (Number(value) > 65535 ? "is above 65535" : undefined) },
};

it("fills in defaults, marks secret fields, leaves out nulls, keeps the engine's own names", () => {
  const { values, failures } = checkShape(shape, { name: "n", password: "p", mode: null, __internal: 1 });
  expect(failures).toEqual([]);
  expect(values).toEqual({ name: "n", count: 3, password: secret("p"), __internal: 1 });
});

it("reports every failure with its path, and never a value", () => {
  const { failures } = checkShape(shape, {
    count: 1.5,
    password: ["s3cret"],
    mode: "s3cret",
    tags: { "a b": 1 },
    hosts: [{ address: "x" }, {}],
    file: "s3cret",
    port: 70_000,
    colour: "s3cret",
  });
  expect(failures.map(({ path }) => path).sort()).toEqual(
    ["name", "count", "password", "mode", 'tags["a b"]', "hosts[1].address", "file", "port", "colour"].sort(),
  );
  expect(JSON.stringify(failures)).not.toContain("s3cret");
});

it("checks inside secrets and lets unknown values pass everywhere", () => {
  expect(checkShape(shape, { name: secret(5) }).failures).toEqual([
    { path: "name", reason: "expected a string, got a number" },
  ]);
  const later = checkShape(shape, {
    name: unknown,
    hosts: unknown,
    tags: { a: unknown },
    port: secret(unknown),
    file: unknown,
  });
  expect(later.failures).toEqual([]);
  expect(isSecret(later.values.port)).toBe(true);
});

it("distinguishes a map from an asset", () => {
  expect(checkShape({ tags: { type: { map: "string" } } }, { tags: pathAsset("/x") }).failures).toHaveLength(1);
});

it("quotes names with special characters", () => {
  expect(join("a", "b")).toBe("a.b");
  expect(join("a", 'b."c')).toBe('a["b.\\"c"]');
});
