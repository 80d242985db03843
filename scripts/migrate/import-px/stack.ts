import { basename } from "node:path";
import { Document } from "yaml";
import { announcementsSchema } from "../../../infra/config/announcements.ts";
import { nameSchema } from "../../../infra/config/hosts.ts";
import type { Finding } from "./findings.ts";
import type { Imported } from "./import.ts";

/** The settings of a sender or receiver that have a place in a stack. Incomplete where its file is. */
interface AgentConfig {
  readonly type?: "sftp" | "ftp";
  readonly queueDirectory?: string;
  readonly validation?: boolean;
  readonly noDuplicates?: boolean;
  readonly batch?: number;
  readonly rules?: readonly object[];
  readonly lock?: string;
  readonly chmod?: string;
  readonly server?: { readonly host?: string; readonly user?: string; readonly mode?: string };
  readonly broker?: { readonly hosts: readonly string[]; readonly user?: string };
  readonly exchange?: string;
  readonly exchangeType?: string;
  readonly exchangeKey?: string;
}

interface Sender {
  readonly imported: Imported;
  readonly config: AgentConfig;
}

/** Sections of a stack file, without `warren:`, and what they can't say or don't know. */
export interface ImportedStack {
  readonly values: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
}

/** Settings without a key in a stack, and what it does instead. */
const elsewhere: Readonly<Record<string, string>> = {
  root: "a stack's senders deliver below datamart.productRoot",
  makeDirectories: "a stack's senders make missing directories",
  duplicatesMax: "a stack has the agent's default",
  settleMs: "a stack has the agent's default",
  contentType: "a stack has the agent's default, text/plain",
  log: "in a stack, datamart.logLevel is for all of these agents",
  "server.port": "a stack uses the port of the server that it sets up",
  "server.connectTimeoutMs": "a stack has the agent's default",
};

/** The agent's default where the old file has none; a stack's default is another. */
const lockUsual = ".tmp";

/**
 * Senders as the section `warren:datamart`: those that deliver to a server, and the one of type amqp that announces there what they delivered.
 * With several servers it is `warren:datamarts`. Values that are a stack's defaults are written too: the old files say them.
 */
export function stackOf(all: readonly Imported[]): ImportedStack {
  const known = all.flatMap((imported) =>
    imported.config ? [{ imported, config: imported.config as AgentConfig }] : [],
  );
  const servers = serversOf(known);
  const findings = [...leftOut(known, servers), ...servers.flatMap((server) => [...gaps(server), ...changes(server)])];
  const sections = servers.map((server) => [server.broker ?? "NAME", sectionOf(server)] as const);
  const own = sections.length > 1 ? { datamarts: Object.fromEntries(sections) } : { datamart: sections[0]?.[1] };
  return { values: plain({ ...agentsUser(servers), ...own }), findings };
}

/** The senders that have a place in the section of one public data server. */
interface Server {
  readonly delivering: readonly Sender[];
  readonly notify: Sender | undefined;
  /** Undefined where the files don't say it. */
  readonly broker: string | undefined;
}

/** Senders by the server that they deliver to. One that doesn't say it, because its file is cut off, is the first one's. */
function serversOf(known: readonly Sender[]): Server[] {
  const delivering = known.filter(({ config }) => config.server !== undefined);
  const announcing = known.filter(({ config, imported }) => config.broker && imported.agent === "sender");
  const hosts = [...new Set(delivering.flatMap(({ config }) => config.server?.host ?? []))];
  if (hosts.length === 0) {
    const [notify] = announcing;
    return [{ delivering, notify, broker: brokerName(hostOf(notify)) }];
  }
  return hosts.map((host) => {
    const there = delivering.filter(({ config }) => (config.server?.host ?? hosts[0]) === host);
    const user = there.find(({ config }) => config.server?.user !== undefined)?.config.server?.user;
    const broker = brokerName(host);
    const found = announcing.find((one) => brokerName(hostOf(one)) === broker);
    return {
      delivering: there.filter(({ config }) => (config.server?.user ?? user) === user),
      notify: found ?? (hosts.length === 1 ? announcing[0] : undefined),
      broker,
    };
  });
}

function sectionOf({ delivering, notify, broker }: Server) {
  const senders = delivering.map(({ imported, config }) => [keyOf(imported.name), senderOf(config)] as const);
  const delivery = {
    user: delivering.find(({ config }) => config.server?.user)?.config.server?.user,
    // Sundew's FTP was in the clear.
    ftp: delivering.some(({ config }) => config.type === "ftp") ? { tls: false } : undefined,
    senders: Object.fromEntries(senders),
    notifyDirectory: notify?.config.queueDirectory,
    notify: notify && { exchangeKey: notify.config.exchangeKey, ...commonOf(notify.config) },
  };
  const { exchange, exchangeKey } = notify?.config ?? {};
  return { broker, exchange, notifyTopic: topicOf(exchangeKey), delivery };
}

/** The user of all agents, where it isn't the default. */
function agentsUser(servers: readonly Server[]): object {
  const user = servers.flatMap(({ notify }) => notify?.config.broker?.user ?? [])[0];
  const isUsual = user === undefined || user === announcementsSchema.shape.user.parse(undefined);
  return isUsual ? {} : { announcements: { user } };
}

/** Files without a place in any section. */
function leftOut(known: readonly Sender[], servers: readonly Server[]): Finding[] {
  const placed = new Set(servers.flatMap(({ delivering, notify }) => [...delivering, ...(notify ? [notify] : [])]));
  return known.flatMap((one) => {
    if (placed.has(one)) return [];
    const remedy = "run it alone with its own config";
    if (one.config.server) {
      const why = "it delivers as another user than the first file, and a server has one";
      return [finding("unexpressed", one, "user", why, remedy)];
    }
    const why = "a server has one sender of type amqp, which announces what is delivered there, and no receivers";
    return [finding("unexpressed", one, "type", why, `${remedy}, or say a receiver in warren:receivers`)];
  });
}

/** What the section needs and no file says. */
function gaps({ delivering, notify, broker }: Server): Finding[] {
  const [first] = delivering;
  const any = first ?? notify;
  if (!any) return [];
  const rows: readonly (readonly [boolean, string, string, string])[] = [
    [broker === undefined, "host", "no name of a host follows from it", "say the server's broker: datamart.broker"],
    [!first, "type", "no file delivers to the server", "import the confs that do together with this one"],
    [
      !notify,
      "type",
      "no file of type amqp announces there what is delivered",
      "import its conf together with this one",
    ],
    [
      delivering.some(({ config }) => config.type === "sftp"),
      ...(["ssh_keyfile", "a stack has a key of its own for SFTP"] as const),
      "datamart.delivery.publicKey, and warren:secrets.deliveryKey",
    ],
  ];
  return rows.flatMap(([isMissing, ...row]) => (isMissing ? [finding("missing", any, ...row)] : []));
}

/** Settings of placed senders that a stack says elsewhere, or can't say. */
function changes({ delivering, notify, broker }: Server): Finding[] {
  const found = [...delivering, ...(notify ? [notify] : [])].flatMap((one) =>
    Object.entries(elsewhere).flatMap(([key, why]) =>
      hasOwn(one.config, key) ? [finding("unexpressed", one, key, why, "check that this is what is meant")] : [],
    ),
  );
  for (const one of delivering) {
    const key = keyOf(one.imported.name);
    if (key === one.imported.name) continue;
    found.push(finding("noted", one, "name", `a stack's names have no such letters: it is ${key}`, "none is needed"));
  }
  if (!notify) return found;
  const { exchangeType } = notify.config;
  if (exchangeType !== "topic") {
    const remedy = `say the type where the broker's exchanges are: warren:brokers.${broker ?? "NAME"}.exchanges`;
    found.push(finding("unexpressed", notify, "exchange_type", `it is ${exchangeType}, not topic`, remedy));
  }
  const own = brokerName(hostOf(notify));
  if (own !== undefined && own !== broker) {
    const why = `it announces at ${own}, and a stack announces at the broker of the server, ${broker ?? "unknown here"}`;
    found.push(finding("unexpressed", notify, "host", why, "set datamart.broker, or run it alone with its own config"));
  }
  return found;
}

const finding = (kind: Finding["kind"], one: Sender, option: string, why: string, remedy: string): Finding => ({
  ...{ file: one.imported.file, line: 0, option, kind, why, remedy },
});

/** The sections as text for a stack file. */
export function stackText({ values }: ImportedStack, files: readonly string[]): string {
  const config = Object.fromEntries(Object.entries(values).map(([section, value]) => [`warren:${section}`, value]));
  // The engine's YAML parser is an older one, for which `on` may be a boolean.
  const document = new Document({ config }, { compat: "yaml-1.1" });
  document.commentBefore = ` From ${files.map((file) => basename(file)).join(", ")}. Merge it into the stack file; stacks/Pulumi.op.yaml explains every key.
 Then ./warren checks -s STACK lists what is missing.`;
  return document.toString({ lineWidth: 0 });
}

const plain = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));

const commonOf = ({ validation, noDuplicates, batch, rules }: AgentConfig) => ({
  validation,
  noDuplicates,
  batch,
  rules,
});

function senderOf(config: AgentConfig) {
  const { type, queueDirectory, server, lock = lockUsual, chmod } = config;
  const { rules, ...common } = commonOf(config);
  return { protocol: type, queueDirectory, mode: server?.mode, ...common, lock, chmod, rules };
}

const hostOf = (notify: Sender | undefined): string | undefined => notify?.config.broker?.hosts[0];

/** The key of a sender in a stack. */
const keyOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, "-");

/** Whether the config has a key such as `server.port`. */
function hasOwn(config: AgentConfig, key: string): boolean {
  return (
    key.split(".").reduce<unknown>((at, word) => (at as Record<string, unknown> | undefined)?.[word], config) !==
    undefined
  );
}

/** `wxo-b1.cmc.ec.gc.ca:5672` -> `wxo-b1`, by which a stack calls the host and its broker. */
function brokerName(host: string | undefined): string | undefined {
  return nameSchema.safeParse(host?.toLowerCase().replace(/[.:].*$/s, "")).data;
}

/** The words of a routing key before the first with a placeholder. */
function topicOf(key: string | undefined): string | undefined {
  const words = key?.split(".") ?? [];
  const end = words.findIndex((word) => word.includes("$"));
  return words.slice(0, end < 0 ? words.length : end).join(".") || undefined;
}
