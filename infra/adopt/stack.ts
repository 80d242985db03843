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

/** What becomes of hand-built brokers: a stack file, its secrets, and what has no place in it. */
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
 * Makes a stack of what hosts told of themselves. Pure.
 * @throws UserError where a host is no broker that can be adopted, a member is missing, or a password is wrong or lacking
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
      `has another Erlang cookie than ${first}: a stack has one`,
      "adopt clusters with cookies of their own into stacks of their own",
    );
  }
  if (cookieSchema.safeParse(cookie).success) return cookie;
  throw new UserError(
    `${first}:${cookieFile}`,
    "20 to 255 letters and digits are expected of the Erlang cookie (and `+/=`), it is something else",
    "give all members such a cookie while their brokers are stopped, e.g. from `openssl rand -hex 16`; then adopt again",
  );
}

/** A user of two clusters may have two passwords; a stack keeps one a name. */
function passwordsOf(clusters: readonly AdoptedCluster[]): Record<string, string> {
  return Object.assign({}, ...clusters.map(({ passwords }) => passwords));
}

/** What is written must be readable; where it isn't, what was found is of a kind that was not thought of. */
function requireWellFormed(values: AdoptedStack["values"], secrets: AdoptedStack["secrets"], stack: string): void {
  try {
    parseStackConfig({ ...values, secrets }, `stack ${stack}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      `stack ${stack}, as it was read from the hosts`,
      error.issues,
      "nothing was written; what is named here can't be said in a stack file: change it on the broker, or leave its host out",
    );
  }
}
