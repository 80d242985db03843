import { isUtf8 } from "node:buffer";
import { dirname, resolve } from "node:path";
import stripJsonComments from "strip-json-comments";
import * as z from "zod";
import { readAtMost } from "./bounded-file.ts";
import type { ConfigIssue } from "./errors.ts";
import { ConfigError } from "./errors.ts";
import { isNestedAtMost, printable } from "./foreign.ts";

const portMax = 65_535;
/** A config has a few kilobytes. */
const configBytesMax = 4 * 1024 * 1024;
/** Configs are nested five or six deep. */
const configDepthMax = 64;

/** Prefix of a broker that is connected to over TLS. */
export const tlsScheme = "amqps://";

/** `host:port`, `[v6]:port`, or a host alone with AMQP's port 5672. After `amqps://`: over TLS, port 5671. */
const hostAndPort = z
  .string()
  .regex(
    /^(?:amqps:\/\/)?(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/,
    "expected host:port, e.g. 10.203.0.50:5672, or amqps://10.203.0.50:5671",
  )
  .refine((text) => {
    const port = Number(/\]?:(\d+)$/.exec(text)?.[1] ?? 1);
    return port >= 1 && port <= portMax;
  }, `expected a port from 1 to ${portMax}`);

export const exchangeName = z.string().min(1).max(127);
export const queueName = z.string().min(1).max(255);

export const queueTypes = ["classic", "quorum", "as-broker"] as const;
export type QueueType = (typeof queueTypes)[number];

const brokerObject = z.strictObject({
  hosts: z.array(hostAndPort).min(1).max(16).describe("brokers, tried in turn, the first one first; amqps://… for TLS"),
  tls: z
    .strictObject({ caFile: z.string().min(1).describe("certificates of trusted CAs, PEM; read at each connect") })
    .optional()
    .describe("for hosts with amqps://: the trusted CAs; certificates must be valid for the host's name or address"),
  queueType: z
    .enum(queueTypes)
    .default("classic")
    .describe(
      "type of declared queues; quorum: replicated by itself, needed by a cluster of RabbitMQ 4; as-broker: quorum there, classic before 4",
    ),
  vhost: z.string().min(1).default("/"),
  user: z.string().min(1),
  passwordFile: z.string().min(1).describe("file with the password and nothing else"),
  given: z
    .array(z.string().min(1))
    .optional()
    .describe("exchanges and queues that others declare and bind; used as they are, as the user may not declare them"),
  heartbeatSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(5)
    .describe("after two missed heartbeats the connection is considered lost"),
  signOfLifeMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(500)
    .describe("a heartbeat is sent after this much silence: a host that took over an address refuses it at once"),
  connectTimeoutMs: z.int().min(100).max(60_000).default(3000),
  reconnectDelayMinMs: z.int().min(10).max(60_000).default(20).describe("first pause; doubles, with jitter"),
  reconnectDelayMaxMs: z.int().min(100).max(600_000).default(5000),
});

export const brokerConfig = brokerObject.superRefine(({ hosts, tls }, context) => {
  if (tls) return;
  const found = hosts.findIndex((host) => host.startsWith(tlsScheme));
  if (found < 0) return;
  const message = `expected \`tls\` beside it: the trusted CAs for ${hosts[found]}`;
  context.addIssue({ code: "custom", path: ["hosts", found], message, input: hosts[found] });
});
export type BrokerConfig = z.infer<typeof brokerConfig>;

export const metricsConfig = z.strictObject({
  address: z.string().min(1).default("127.0.0.1"),
  port: z.int().min(0).max(portMax).describe("/metrics and /health; 0 for any free port"),
});
export type MetricsConfig = z.infer<typeof metricsConfig>;

export const logConfig = z.strictObject({
  level: z.enum(["fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
});
export type LogConfig = z.infer<typeof logConfig>;

/** Every agent's config. An agent adds its own keys with `commonConfig.extend({…})`, which stays strict. */
export const commonConfig = z.strictObject({
  $schema: z.string().optional().describe("for editors; see --print-schema"),
  broker: brokerConfig,
  metrics: metricsConfig,
  log: logConfig.prefault({}),
  shutdownTimeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(10_000)
    .describe("limit for draining after SIGTERM; then the process exits"),
});
export type CommonConfig = z.infer<typeof commonConfig>;

/**
 * Reads one JSON file (comments allowed), checks all of it and reports every fault at once as a `ConfigError`.
 *
 * In values whose key ends in `File` or `Directory`, `${NAME}` is replaced from the environment (systemd's
 * CREDENTIALS_DIRECTORY), and a relative path is relative to the config file's folder. Nowhere else, so that a `$` in a pattern
 * or password stays a `$`.
 */
export async function loadConfig<S extends z.ZodType>(
  schema: S,
  file: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<z.infer<S>> {
  let bytes: Buffer;
  try {
    bytes = readAtMost(file, configBytesMax);
  } catch (error) {
    const issue = { path: "", message: `can't be read: ${(error as Error).message}` };
    throw new ConfigError(file, [issue], "give the path of a JSON file");
  }
  return parseConfig(schema, bytes, file, environment);
}

/** Reads the content of a config file, see `loadConfig`. @throws ConfigError and nothing else, whatever the bytes are */
export function parseConfig<S extends z.ZodType>(
  schema: S,
  bytes: Buffer,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<S> {
  const fault = (message: string) => new ConfigError(file, [{ path: "", message }]);
  if (!isUtf8(bytes)) throw fault("is not UTF-8");
  let json: unknown;
  try {
    // Blanked, not cut out, so that the parser's positions are right.
    json = JSON.parse(stripJsonComments(bytes.toString()));
  } catch (error) {
    throw fault(`is not JSON: ${printable((error as Error).message)}`);
  }
  if (!isNestedAtMost(json, configDepthMax)) throw fault(`is nested more than ${configDepthMax} levels deep`);
  const issues: ConfigIssue[] = [];
  const expanded = expandPaths(json, { folder: dirname(resolve(file)), environment, issues, path: [] });
  const read = schema.safeParse(expanded, { reportInput: true });
  if (!read.success) issues.push(...read.error.issues.flatMap(describeIssue));
  if (!read.success || issues.length > 0) throw new ConfigError(file, issues);
  return read.data;
}

/** The JSON Schema of a config, for editors and for config renderers. */
export function printSchema(schema: z.ZodType): string {
  return `${JSON.stringify(z.toJSONSchema(schema, { io: "input" }), null, 2)}\n`;
}

interface Expansion {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly issues: ConfigIssue[];
  readonly path: readonly string[];
}

function expandPaths(value: unknown, expansion: Expansion): unknown {
  const key = expansion.path.at(-1) ?? "";
  if (typeof value === "string") return /(?:File|Directory)$/.test(key) ? expandPath(value, expansion) : value;
  if (Array.isArray(value)) return value.map((item) => expandPaths(item, expansion));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      expandPaths(item, { ...expansion, path: [...expansion.path, name] }),
    ]),
  );
}

function expandPath(value: string, { folder, environment, issues, path }: Expansion): string {
  const expanded = value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const found = environment[name];
    if (found === undefined) issues.push({ path: path.join("."), message: `environment variable ${name} is not set` });
    return found ?? "";
  });
  return expanded === "" ? expanded : resolve(folder, expanded);
}

const shownMax = 80;

/** One zod issue in warren's wording; several if it names several keys. */
export function describeIssue(issue: z.core.$ZodIssue): ConfigIssue[] {
  const path = printable(issue.path.join("."));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const name = printable(key);
      return { path: path ? `${path}.${name}` : name, message: "unknown key" };
    });
  }
  const message = printable(issue.message.replace(/^Invalid input: /, ""));
  if (issue.input === undefined)
    return [{ path, message: message.replace(/, received undefined$/, ", but it is missing") }];
  const found = shown(issue.input);
  return [
    {
      path,
      message: `${message.replace(/, received .*$/, "")}, got ${found.length > shownMax ? `${found.slice(0, shownMax)}…` : found}`,
    },
  ];
}

/** JSON turns numbers like NaN into null, and fails on values nested too deep. */
function shown(value: unknown): string {
  if (typeof value === "number") return String(value);
  try {
    return printable(JSON.stringify(value) ?? "nothing");
  } catch {
    return "a value nested too deep to show";
  }
}
