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
 * Senders as the section `warren:datamart`: those that deliver to one server, and the one of type amqp that announces what they delivered.
 * Values that are a stack's defaults are written too: the old files say them, and they may change.
 */
export function stackOf(all: readonly Imported[]): ImportedStack {
  const findings: Finding[] = [];
  const senders = all.flatMap((imported) =>
    imported.config ? [{ imported, config: imported.config as AgentConfig }] : [],
  );
  const delivering = senders.filter(({ config }) => config.server !== undefined);
  const [notify, ...others] = senders.filter(({ config, imported }) => config.broker && imported.agent === "sender");
  const [first] = delivering;
  const find = (kind: Finding["kind"], { imported: { file } }: Sender, option: string, why: string, remedy: string) =>
    findings.push({ file, line: 0, option, kind, why, remedy });
  for (const one of [...others, ...senders.filter(({ imported }) => imported.agent === "receiver")]) {
    const why = "only one sender of type amqp has a place in warren:datamart, the one that announces what is delivered";
    find("unexpressed", one, "type", why, "run it alone with its own config, or say a receiver in warren:receivers");
  }
  for (const one of delivering.filter(({ config }) => !isSameServer(config, first?.config))) {
    const why = "it delivers to another server, or as another user, than the first file";
    find("unexpressed", one, "host", why, "a section is for one server and user: import it alone");
  }
  for (const one of [...delivering, ...(notify ? [notify] : [])]) {
    for (const [key, why] of Object.entries(elsewhere))
      if (hasOwn(one.config, key)) find("unexpressed", one, key, why, "check that this is what is meant");
  }
  const broker = brokerName(first?.config.server?.host ?? notify?.config.broker?.hosts[0]);
  const any = first ?? notify;
  if (any) {
    const miss = (option: string, why: string, remedy: string) => find("missing", any, option, why, remedy);
    if (!broker) miss("host", "no name of a host follows from it", "say the server's broker: datamart.broker");
    if (!first) miss("type", "no file delivers to the server", "import the confs that do together with this one");
    if (!notify)
      miss("type", "no file of type amqp announces what is delivered", "import its conf together with this one");
    if (delivering.some(({ config }) => config.type === "sftp"))
      miss(
        "ssh_keyfile",
        "a stack has a key of its own for SFTP",
        "datamart.delivery.publicKey, and warren:secrets.deliveryKey",
      );
  }
  if (notify && notify.config.exchangeType !== "topic") {
    const remedy = `say the type where the broker's exchanges are: warren:brokers.${broker ?? "NAME"}.exchanges`;
    find(
      "unexpressed",
      notify,
      "exchange_type",
      `it is ${notify.config.exchangeType}, and clients bind by topic`,
      remedy,
    );
  }
  const user = notify?.config.broker?.user;
  const isUsual = user === undefined || user === announcementsSchema.shape.user.parse(undefined);
  const delivery = {
    user: first?.config.server?.user,
    // Sundew's FTP was in the clear.
    ftp: delivering.some(({ config }) => config.type === "ftp") ? { tls: false } : undefined,
    senders: Object.fromEntries(delivering.map(({ imported, config }) => [imported.name, senderOf(config)])),
    notifyDirectory: notify?.config.queueDirectory,
    notify: notify && { exchangeKey: notify.config.exchangeKey, ...commonOf(notify.config) },
  };
  const datamart = {
    broker,
    exchange: notify?.config.exchange,
    notifyTopic: topicOf(notify?.config.exchangeKey),
    delivery,
  };
  return { values: plain({ ...(isUsual ? {} : { announcements: { user } }), datamart }), findings };
}

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

const isSameServer = (one: AgentConfig, other: AgentConfig | undefined) =>
  one.server?.host === other?.server?.host && one.server?.user === other?.server?.user;

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
