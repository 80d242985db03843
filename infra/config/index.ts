import { describeIssue } from "../../agents/lib/config.ts";
import { ConfigError } from "../../agents/lib/errors.ts";
import { crossFieldIssues } from "./rules.ts";
import { type StackConfig, stackSchema } from "./schema.ts";

export type { StackConfig } from "./schema.ts";

/**
 * Parses the `warren:` keys of a stack.
 *
 * @param values key without `warren:` -> value, already decrypted and decoded from JSON
 * @param subject what errors are about, e.g. `stacks/Pulumi.op.yaml`
 * @throws ConfigError with every mistake at once, each `path: what is expected, got what`
 */
export function parseStackConfig(values: Record<string, unknown>, subject: string): StackConfig {
  const parsed = stackSchema.safeParse(values, { reportInput: true });
  const issues = parsed.success ? crossFieldIssues(parsed.data) : parsed.error.issues.flatMap(describeIssue);
  if (issues.length > 0 || !parsed.success) {
    throw new ConfigError(
      subject,
      issues.map(({ path, message }) => ({ path: `warren:${path}`, message: withoutSecret(path, message) })),
      "mend the stack file; stacks/Pulumi.op.yaml shows every key with its meaning",
    );
  }
  return parsed.data;
}

/** What was found is never shown where a secret was expected. */
const withoutSecret = (path: string, message: string): string =>
  path.startsWith("secrets") ? message.replace(/, got .*$/s, "") : message;

/** A user's password. @throws TypeError where the config has none: `crossFieldIssues` has told by then */
export function passwordOf(config: StackConfig, user: string): string {
  const password = config.secrets.passwords[user];
  if (password === undefined) throw new TypeError(`no password of ${user}`);
  return password;
}
