import { z } from "zod";
import { describeIssue } from "../../agents/lib/config.ts";
import { ConfigError } from "../../agents/lib/errors.ts";
import { announcementsSchema } from "./announcements.ts";
import { brokersSchema } from "./brokers.ts";
import { hostsSchema, sshSchema } from "./hosts.ts";
import { crossFieldIssues } from "./rules.ts";
import { secretsSchema } from "./secrets.ts";
import { virtualIpsSchema } from "./virtual-ips.ts";

export const stackSchema = z.strictObject({
  ssh: sshSchema,
  hosts: hostsSchema,
  brokers: brokersSchema,
  virtualIps: virtualIpsSchema.default({}),
  announcements: announcementsSchema,
  secrets: secretsSchema,
});

/** Everything a stack says, parsed: defaults filled in, cross-field rules kept. */
export type StackConfig = z.infer<typeof stackSchema>;

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
