import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { configSchema } from "./config.ts";

const file = join(import.meta.dirname, "example.json");
const least = {
  management: { urls: ["http://b:15672"], user: "u", passwordFile: "p" },
  metrics: { port: 1 },
  keep: [],
};

test("the example is a valid config, and repeats the defaults", async () => {
  const example = await loadConfig(configSchema, file, {});
  expect(example.management.passwordFile).toBe(join(import.meta.dirname, "broker-password"));
  const { management, metrics, keep } = example;
  expect(configSchema.parse({ management, metrics, keep })).toEqual(example);
});

test("by default it deletes, with the original system's limits: 25,000 messages or 50 MB", () => {
  const { dryRun, classes } = configSchema.parse(least);
  expect(dryRun).toBe(false);
  expect(classes).toMatchObject([{ name: "clients", messagesMax: 25_000, bytesMax: 50_000_000 }]);
});

test.each([
  ["management.urls.0", { management: { ...least.management, urls: ["b:15672"] } }],
  ["keep", { keep: undefined }],
  ["keep.0", { keep: ["("] }],
  ["classes.0", { classes: [{ name: "a", pattern: "", warnAfterSeconds: 5000 }] }],
  ["classes.0", { classes: [{ name: "a", pattern: "", deleteAfterSeconds: 700 }] }],
  ["classes", { classes: [] }],
  ["", { broker: { hosts: ["b"], user: "u", passwordFile: "p" } }],
])("a mistake in %s is reported with its path: %o", (path, settings) => {
  const { error } = configSchema.safeParse({ ...least, ...settings });
  expect(error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
});
