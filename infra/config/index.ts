import { describeIssue } from "../../agents/lib/config.ts";
import { ConfigError, type ConfigIssue } from "../../agents/lib/errors.ts";
import { withBase } from "./base.ts";
import { crossFieldIssues } from "./rules.ts";
import { type StackConfig, stackSchema } from "./schema.ts";

export type { StackConfig } from "./schema.ts";

/**
 * Parses the `warren:` keys of a stack, over those of the base that it names.
 *
 * @param values key without `warren:` -> value, already decrypted and decoded from JSON
 * @param subject what errors are about, e.g. `stacks/Pulumi.op.yaml`
 * @throws ConfigError with every mistake at once, each `path: what is expected, got what`, and whether the base says so
 */
export function parseStackConfig(values: Record<string, unknown>, subject: string): StackConfig {
  const based = withBase(values);
  // A stack that has no secrets yet is told of each that it needs.
  const whole: StackValues = { ...based.values, secrets: based.values.secrets ?? {} };
  const parsed = stackSchema.safeParse(whole, { reportInput: true });
  const found = parsed.success
    ? crossFieldIssues(bare(parsed.data))
    : withMissingPasswords(whole, parsed.error.issues.flatMap(describeIssue));
  // Without its base a stack lacks what isn't missing.
  const issues = based.issues.length > 0 ? based.issues : found;
  if (issues.length > 0 || !parsed.success) {
    throw new ConfigError(
      subject,
      issues.map(({ path, message }) => ({
        path: `warren:${path}`,
        message: withoutSecret(path, message) + based.originOf(path),
      })),
      "mend the stack file; stacks/Pulumi.op.yaml shows every key with its meaning",
    );
  }
  return parsed.data;
}

/** A copy in which a host that is called `constructor`, or named so where there is none, is found only where somebody has put it. */
function bare<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(bare) as Value;
  const items = Object.entries(value).map(([key, item]) => [key, bare(item)]);
  return Object.setPrototypeOf(Object.fromEntries(items), null);
}

type StackValues = Readonly<Record<string, unknown>> & { readonly secrets: unknown };

/** A cookie that isn't set yet must not hide that passwords aren't either. */
function withMissingPasswords(values: StackValues, issues: readonly ConfigIssue[]): readonly ConfigIssue[] {
  if (issues.some(({ path }) => path !== "secrets.erlangCookie")) return issues;
  const secrets = { ...(values.secrets as object), erlangCookie: "A".repeat(20) };
  const parsed = stackSchema.safeParse({ ...values, secrets });
  return parsed.success ? [...issues, ...crossFieldIssues(bare(parsed.data))] : issues;
}

/** What was found is never shown where a secret was expected. */
const withoutSecret = (path: string, message: string): string =>
  path.startsWith("secrets") ? message.replace(/, got .*$/s, "") : message;

/**
 * A user's password at a broker: that for this broker alone (`USER@BROKER`), else the user's everywhere.
 *
 * @param broker left out: the one that carries the announcements
 *
 * @throws TypeError where the config has none: `crossFieldIssues` has told by then
 */
export function passwordOf(config: StackConfig, user: string, broker = config.announcements.broker): string {
  const password = givenPassword(config, user, broker);
  if (password === undefined) throw new TypeError(`no password of ${user} at ${broker}`);
  return password;
}

export const hasPassword = (config: StackConfig, user: string, broker: string): boolean =>
  givenPassword(config, user, broker) !== undefined;

const givenPassword = ({ secrets: { passwords } }: StackConfig, user: string, broker: string): string | undefined =>
  passwords[`${user}@${broker}`] ?? passwords[user];
