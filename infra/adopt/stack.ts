import { ConfigError, UserError } from "../../agents/lib/errors.ts";
import type { AdoptedConfig } from "../config/adopted.ts";
import { parseStackConfig } from "../config/index.ts";
import { cookieSchema } from "../config/secrets.ts";
import { isServing } from "./answer.ts";
import type { AdoptOptions, AskedHost } from "./asked.ts";
import { type AdoptedCluster, adoptCluster } from "./cluster.ts";
import { keptFiles } from "./files.ts";
import { cookieFile, keepalivedFile } from "./question.ts";
import { membersByCluster, requireBroker } from "./requirements.ts";
import { type Count, countRows } from "./summary.ts";
import type { Unexpressed } from "./unexpressed.ts";
import { readVirtualIps } from "./virtual-ips.ts";

/** The result of an adoption: a stack file, its secrets, and a list of what it can't express. */
export interface AdoptedStack {
  /** Sections of the stack file, without `secrets`. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly secrets: {
    readonly erlangCookie: string;
    readonly passwords: Readonly<Record<string, string>>;
    readonly files: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
  readonly unexpressed: readonly Unexpressed[];
  readonly counts: readonly Count[];
}

/**
 * Builds a stack from the hosts' answers. Pure.
 * @throws UserError if a host can't be adopted, a member is missing, or a password is wrong or missing
 */
export function adoptStack(asked: readonly AskedHost[], options: AdoptOptions): AdoptedStack {
  for (const one of asked) requireBroker(one);
  const unexpressed: Unexpressed[] = [];
  const vips = readVirtualIps(
    asked.flatMap(({ host }) => {
      const file = host.files.get(keepalivedFile);
      if (!file || !isServing(host, "keepalived")) return [];
      return [{ host: host.name, place: `${host.name}:${keepalivedFile}`, text: file.content }];
    }),
  );
  const clusters = membersByCluster(asked).map((members) => adoptCluster(members, vips.virtualIps, options));
  const files = new Map(asked.map(({ host }) => [host.name, keptFiles(host)]));
  for (const { unexpressed: more } of [...clusters, ...files.values(), vips]) unexpressed.push(...more);
  const secretFiles = [...files].flatMap(([host, { secrets }]) =>
    Object.keys(secrets).length > 0 ? [[host, secrets] as const] : [],
  );
  const values = {
    ssh: options.ssh,
    hosts: Object.fromEntries(
      asked.map((one) => [one.host.name, hostSection(one, files.get(one.host.name)?.adopted ?? {})]),
    ),
    brokers: Object.fromEntries(clusters.map(({ name, broker }) => [name, broker])),
    ...(Object.keys(vips.virtualIps).length > 0 ? { virtualIps: vips.virtualIps } : {}),
    announcements: { broker: clusters[0]?.name ?? "" },
  };
  const secrets = {
    erlangCookie: cookieOf(asked),
    passwords: passwordsOf(clusters),
    files: Object.fromEntries(secretFiles),
  };
  requireWellFormed(values, secrets, options.stack);
  const counts = countRows({ asked, clusters, files: [...files.values()], virtualIps: vips.virtualIps });
  return { values, secrets, unexpressed, counts };
}

function hostSection({ address, host }: AskedHost, adopted: AdoptedConfig) {
  return { address, roles: ["bunny"], release: host.release, adopted };
}

/** A stack has one cookie. */
function cookieOf(asked: readonly AskedHost[]): string {
  const cookies = asked.map(({ host }) => (host.files.get(cookieFile)?.content ?? "").trim());
  const other = cookies.findIndex((cookie) => cookie !== cookies[0]);
  const cookie = cookies[0] ?? "";
  const first = asked[0]?.host.name ?? "";
  if (other >= 0) {
    throw new UserError(
      asked[other]?.host.name ?? "",
      `has another Erlang cookie than ${first}, but a stack has only one`,
      "adopt clusters with different cookies into separate stacks",
    );
  }
  if (cookieSchema.safeParse(cookie).success) return cookie;
  throw new UserError(
    `${first}:${cookieFile}`,
    "the Erlang cookie is invalid; expected 20 to 255 letters, digits, `+`, `/` or `=`",
    "set such a cookie on all members while their brokers are stopped, e.g. from `openssl rand -hex 16`, then adopt again",
  );
}

/** A user of two clusters may have two passwords, but a stack has one per name. */
function passwordsOf(clusters: readonly AdoptedCluster[]): Record<string, string> {
  return Object.assign({}, ...clusters.map(({ passwords }) => passwords));
}

/** The stack file must be valid. If it isn't, the hosts have something that the adoption does not expect. */
function requireWellFormed(values: AdoptedStack["values"], secrets: AdoptedStack["secrets"], stack: string): void {
  try {
    parseStackConfig({ ...values, secrets }, `stack ${stack}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      `stack ${stack}, as read from the hosts`,
      error.issues,
      "no file was written; a stack file can't express these values: change them on the broker, or omit its host",
    );
  }
}
