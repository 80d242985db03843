import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, it } from "vitest";

const checkout = resolve(import.meta.dirname, "..");

const printed = (script: string): string =>
  execFileSync(process.execPath, ["--require=warren/lean-sdk", "--eval", script], { cwd: checkout, encoding: "utf8" });

it("an error tells the place where it was made, also after the SDK was loaded", () => {
  expect(printed('require("@pulumi/pulumi"); console.log(new Error("x").stack)')).toMatch(/^Error: x\n +at .+\n$/);
});

it("the SDK loads without the parts that are left out", () => {
  const script =
    'const { automation, Resource } = require("@pulumi/pulumi"); console.log(Object.keys(automation.default), Resource.callsites)';
  expect(printed(script)).toBe("[] [Function: callsites]\n");
  const compilers = 'Object.keys(require.cache).filter((file) => file.endsWith("/typescript.js"))';
  expect(printed(`require("@pulumi/pulumi"); console.log(${compilers})`)).toBe("[]\n");
});
