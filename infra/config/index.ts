import { describeIssue } from "../../agents/lib/config.ts";
import { ConfigError, type ConfigIssue } from "../../agents/lib/errors.ts";
import { withBase } from "./base.ts";
import { unfilledPaths } from "./fill-in.ts";
import { crossFieldIssues } from "./rules.ts";
import { type StackConfig, stackSchema } from "./schema.ts";

export { hasPassword, passwordOf } from "./passwords.ts";
export type { StackConfig } from "./schema.ts";

/**
 * Parses the `warren:` keys of a stack, merged over those of its base.
 *
 * @param values key without `warren:` -> value, already decrypted and decoded from JSON
 * @param subject the subject of errors, e.g. `stacks/Pulumi.op.yaml`
 * @throws ConfigError with every mistake at once, each `path: expected what, got what`, marked if the value comes from the base
 */
export function parseStackConfig(values: Record<string, unknown>, subject: string): StackConfig {
  const based = withBase(values);
  // A stack without any secrets gets an error for each one that it needs.
  const complete: StackValues = { ...based.values, secrets: based.values.secrets ?? {} };
  const parsed = stackSchema.safeParse(complete, { reportInput: true });
  const unfilled = unfilledPaths(based.values);
  const found = parsed.success
    ? crossFieldIssues(withoutPrototypes(parsed.data))
    : withMissingPasswords(complete, parsed.error.issues.flatMap(describeIssue));
  const filled = found.filter(({ path }) => !unfilled.includes(path));
  // Without its base a stack would seem to lack keys that the base has.
  const issues =
    based.issues.length > 0
      ? based.issues
      : [...unfilled.map((path) => ({ path, message: "is not filled in yet" })), ...filled];
  if (issues.length > 0 || !parsed.success) {
    throw new ConfigError(
      subject,
      issues.map(({ path, message }) => ({
        path: `warren:${path}`,
        message: withoutSecret(path, message) + based.originOf(path),
      })),
      "fix the stack file; stacks/Pulumi.op.yaml shows every key with its meaning",
    );
  }
  return parsed.data;
}

/** A copy without prototypes, so that looking up a host called `constructor` finds only a host that the config has. */
function withoutPrototypes<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutPrototypes) as Value;
  const items = Object.entries(value).map(([key, item]) => [key, withoutPrototypes(item)]);
  return Object.setPrototypeOf(Object.fromEntries(items), null);
}

type StackValues = Readonly<Record<string, unknown>> & { readonly secrets: unknown };

/** A missing cookie, which fails the schema, must not hide missing passwords, which the cross-field rules report. */
function withMissingPasswords(values: StackValues, issues: readonly ConfigIssue[]): readonly ConfigIssue[] {
  if (issues.some(({ path }) => path !== "secrets.erlangCookie")) return issues;
  const secrets = { ...(values.secrets as object), erlangCookie: "A".repeat(20) };
  const parsed = stackSchema.safeParse({ ...values, secrets });
  return parsed.success ? [...issues, ...crossFieldIssues(withoutPrototypes(parsed.data))] : issues;
}

/** A value in place of a secret is never shown. */
const withoutSecret = (path: string, message: string): string =>
  path.startsWith("secrets") ? message.replace(/, got .*$/s, "") : message;
