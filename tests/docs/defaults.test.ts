import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";
import * as z from "zod";
import { commonConfig } from "../../agents/lib/config.ts";
import { stackSchema } from "../../infra/config/schema.ts";
import { agentSchemas } from "../rigs/agent-schemas.ts";

const root = join(import.meta.dirname, "../..");

/** Of the folders of agents. */
const schemas = { ...agentSchemas, lib: commonConfig };

/** Keys that have a default, all the way down. */
function keysOf(schema: z.ZodType): string[] {
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([key, one]) => [
      ...(one instanceof z.ZodDefault ? [key] : []),
      ...keysOf(one as z.ZodType),
    ]);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((one) => keysOf(one as z.ZodType));
  if (schema instanceof z.ZodArray) return keysOf(schema.element as z.ZodType);
  if (schema instanceof z.ZodRecord) return keysOf(schema.valueType as z.ZodType);
  if (schema instanceof z.ZodPipe) return keysOf(schema.in as z.ZodType);
  const isWrapped =
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return isWrapped ? keysOf(schema.unwrap() as z.ZodType) : [];
}

/** Whether it is a literal value. Empty texts and lists don't count. */
function isValue(node: ts.Expression): boolean {
  if (ts.isStringLiteralLike(node)) return node.text !== "";
  if (ts.isArrayLiteralExpression(node)) return node.elements.length > 0;
  const { TrueKeyword, FalseKeyword, PrefixUnaryExpression } = ts.SyntaxKind;
  return ts.isNumericLiteral(node) || [TrueKeyword, FalseKeyword, PrefixUnaryExpression].includes(node.kind);
}

/** `{ key = 5 }`, `(key = 5)`, `config.key ?? 5`: keys that get a value if they have none. */
function defaultsIn(text: string, keys: ReadonlySet<string>): string[] {
  // Most files have no such text, and needn't be parsed.
  if (!new RegExp(`\\b(?:${[...keys].join("|")})\\b(?::[^=;]{1,40})?\\s*(?:=[^=>]|\\?\\?)`).test(text)) return [];
  const source = ts.createSourceFile("any.ts", text, ts.ScriptTarget.Latest);
  const found: string[] = [];
  const report = (name: string, node: ts.Node) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    if (keys.has(name)) found.push(`${line + 1}: ${node.getText(source)}`);
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isBindingElement(node) || ts.isParameter(node)) && node.initializer && isValue(node.initializer))
      report((ts.isBindingElement(node) ? (node.propertyName ?? node.name) : node.name).getText(source), node);
    const isElse = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken;
    if (isElse && isValue(node.right))
      report(ts.isPropertyAccessExpression(node.left) ? node.left.name.text : node.left.getText(source), node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const keysBelow = new Map(
  Object.entries(schemas).map(([folder, schema]) => [`agents/${folder}`, new Set(keysOf(schema))]),
);
const allKeys = new Set([...Object.values(schemas), stackSchema].flatMap(keysOf));

/** Other things with the same names, by their file. */
const others: Readonly<Record<string, string>> = {
  // Whether rabbitmq.conf has a listener; the key is on by default.
  "infra/model/broker-files.ts": "tls: settings.tls ?? false",
};

it("no key of a config has a default outside its schema", () => {
  // Plugins share no names with the config: theirs are the engine's and RabbitMQ's.
  const sources = globSync("{agents,infra}/**/*.ts", { cwd: root, exclude: ["infra/plugins/**"] });
  const found = sources.flatMap((file) => {
    if (/\.test\.ts$|fixture/.test(file)) return [];
    const keys = keysBelow.get(file.split("/").slice(0, 2).join("/")) ?? allKeys;
    return defaultsIn(readFileSync(join(root, file), "utf8").replace(others[file] ?? "", ""), keys).map(
      (what) => `${file}:${what}`,
    );
  });
  expect(found).toEqual([]);
}, 60_000);

it.each([
  ["in a pattern", "const { entriesMax = 5 } = config;"],
  ["in a pattern that gives it another name", "const { entriesMax: most = 5 } = config;"],
  ["of a parameter", "function f(entriesMax = 5) {}"],
  ["of a missing key", "const most = config.entriesMax ?? 5;"],
  ["of a missing name", 'const user = logLevel ?? "info";'],
])("a default is found %s", (_, text) => {
  expect(defaultsIn(`\n${text}`, allKeys)).toHaveLength(1);
  expect(defaultsIn(text.replaceAll(/entriesMax|logLevel/g, "somethingElse"), allKeys)).toEqual([]);
});
