import * as z from "zod";
import { describeIssue } from "../../../agents/lib/config.ts";
import { ConfigError, type ConfigIssue } from "../../../agents/lib/errors.ts";
import { addressSchema, fullNameSchema, nameSchema, releases, sshSchema } from "../../../infra/config/hosts.ts";
import { virtualIpKeys } from "../../../infra/config/virtual-ips.ts";
import { readYaml } from "../../engine/stack-text.ts";

const hostsOfKind = z.record(nameSchema, addressSchema, {
  // Of a wrong name, what is wrong with it.
  error: (issue) => (issue.code === "invalid_key" ? issue.issues[0]?.message : "expected hosts, as NAME: ADDRESS"),
});
const someHosts = hostsOfKind.refine(
  (hosts) => Object.keys(hosts).length > 0,
  "expected at least one host, as NAME: ADDRESS",
);

export const virtualIpAnswers = z.strictObject({
  /** Clients find the brokers under it. */
  name: nameSchema.default("brokers"),
  address: addressSchema,
  interface: virtualIpKeys.shape.interface.default("eth0"),
  routerId: virtualIpKeys.shape.routerId,
});

/** What only the operator of a new stack knows. */
export const answersSchema = z.strictObject({
  domain: fullNameSchema.optional(),
  /** Of all hosts; it decides the series of RabbitMQ. */
  release: z.enum(releases).default("trixie"),
  /** Name -> address, of each kind. */
  radarServers: someHosts,
  brokers: someHosts,
  pullers: someHosts,
  monitors: hostsOfKind.default({}),
  virtualIp: virtualIpAnswers.optional(),
  user: sshSchema.shape.user.default("root"),
  /** Relative to the checkout. Without it, a key is made. */
  privateKeyFile: sshSchema.shape.privateKeyFile.optional(),
});

export type Answers = z.infer<typeof answersSchema>;

const kinds = ["radarServers", "brokers", "pullers", "monitors"] as const;
export type Kind = (typeof kinds)[number];

/** Reports duplicate names and addresses of hosts and the virtual IP. Answers may be incomplete. */
export function answerIssues(answers: Partial<Answers>): ConfigIssue[] {
  const places = kinds.flatMap((kind) =>
    Object.entries(answers[kind] ?? {}).map(([name, address]) => ({ path: `${kind}.${name}`, name, address })),
  );
  const { virtualIp } = answers;
  if (virtualIp) places.push({ path: "virtualIp", ...virtualIp });
  return places.flatMap(({ path, name, address }, index) => {
    const before = places.slice(0, index);
    const issues: ConfigIssue[] = [];
    if (before.some((other) => other.name === name))
      issues.push({ path, message: `expected another name, because ${name} is a host already` });
    if (before.some((other) => other.address === address))
      issues.push({ path, message: `expected another address, because a host has ${address} already` });
    return issues;
  });
}

/**
 * Answers from a file in YAML.
 *
 * @throws ConfigError with all mistakes at once
 */
export function readAnswers(bytes: Buffer, file: string): Answers {
  const remedy = "fix the answers; ./warren stack new --help shows them all";
  const parsed = answersSchema.safeParse(readYaml(bytes, file, remedy), { reportInput: true });
  if (!parsed.success) throw new ConfigError(file, parsed.error.issues.flatMap(describeIssue), remedy);
  const issues = answerIssues(parsed.data);
  if (Object.keys(parsed.data.brokers).length > 1 && !parsed.data.virtualIp)
    issues.push({
      path: "virtualIp",
      message: "expected an address at which clients find the brokers, but it is missing",
    });
  if (issues.length > 0) throw new ConfigError(file, issues, remedy);
  return parsed.data;
}
