import { basename, dirname } from "node:path/posix";
import type { AmqpConfig, FtpConfig, SftpConfig } from "../../agents/sender/config.ts";
import { configSchema as watcherSchema } from "../../agents/watcher/config.ts";
import { renderDeliveryAccount } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import type { DeliverySender } from "../config/delivery.ts";
import { fullNameOf, namesOf } from "../config/full-names.ts";
import type { StackConfig } from "../config/index.ts";
import {
  agentPart,
  brokerHosts,
  type Credential,
  credentialFile,
  metricsPortsFrom,
  passwordAt,
  productAccount,
} from "./agent-part.ts";
import { rootFile } from "./files.ts";
import { ftpPort } from "./ftp-server.ts";
import { knownHostMark } from "./host-key.ts";
import type { HostPart, PartContext } from "./part.ts";
import { caFile, speaksFtps } from "./tls.ts";
import type { FileModel } from "./types.ts";

/** sshd reads it with its main file. Its content applies to one account only. */
const sshdFile = "/etc/ssh/sshd_config.d/warren-delivery.conf";
/** known_hosts of px, with the public data server's key. */
export const deliveryKnownHosts = "/etc/warren/delivery_known_hosts";
const keyName = "delivery-key";
/** The key with which px logs in there. */
export const deliveryKeyFile = `/etc/warren/secrets/${keyName}`;
const passwordName = "delivery-password";

/** The account with which px delivers: SFTP only, below the folder of the document root. */
export function deliveryAccountPart({ config }: PartContext): HostPart {
  const { datamart } = config;
  const delivery = datamart?.delivery;
  if (!datamart || !delivery) return {};
  const root = dirname(datamart.productRoot);
  const account = { name: delivery.user, home: "/" };
  // Neither sshd nor vsftpd accepts a chroot folder that others can write to.
  const directories = [{ path: root, owner: "root", group: "root", mode: "0755" }];
  if (delivery.publicKey === undefined) return { accounts: [account], directories };
  const keys = rootFile(`/etc/warren/authorized_keys/${delivery.user}`, `restrict ${delivery.publicKey}\n`);
  const conf = rootFile(sshdFile, renderDeliveryAccount({ user: delivery.user, root, keys: keys.path }), {
    order: "after-packages",
    validate: ["/usr/sbin/sshd", "-t", "-f", candidate],
  });
  return {
    accounts: [account],
    directories,
    files: [keys, conf],
    units: [
      {
        name: "ssh.service",
        onChange: "reload",
        reads: [conf.path],
        after: [],
        afterBroker: false,
        packaged: true,
        keep: true,
      },
    ],
  };
}

/** What distinguishes the senders of a host with the role px. */
interface DeliveryPlace {
  readonly name: ReturnType<typeof deliveryName>;
  readonly port: number;
  readonly sender: DeliverySender;
}

/** Name of a sender's unit and config. */
export const deliveryName = (sender: string) => `delivery-${sender}` as const;

/** The senders that deliver, in the order of their names. */
export const deliveryPlaces = ({ datamart }: StackConfig): DeliveryPlace[] =>
  Object.entries(datamart?.delivery?.senders ?? {}).map(([name, sender], index) => ({
    name: deliveryName(name),
    port: metricsPortsFrom.delivery + index,
    sender,
  }));

/** Each delivers by its own protocol from its own txq. URLs of delivered files go into the txq of the announcing sender. */
export const deliverySenderParts = (context: PartContext): HostPart[] =>
  deliveryPlaces(context.config).map((place) => senderPart(context, place));

function senderPart(context: PartContext, { name, port, sender }: DeliveryPlace): HostPart {
  const { config } = context;
  const { datamart } = config;
  const dd = publicServer(config);
  if (!datamart?.delivery || !dd) return {};
  const { delivery } = datamart;
  const login = sender.protocol === "sftp" ? sftpLogin(config, dd) : ftpLogin(config, sender);
  const own = {
    type: sender.protocol,
    queueDirectory: sender.queueDirectory,
    rules: sender.rules,
    validation: sender.validation,
    noDuplicates: sender.noDuplicates,
    batch: sender.batch,
    // As seen from the account's chroot, the parent folder.
    root: `/${basename(datamart.productRoot)}`,
    lock: sender.lock,
    chmod: sender.chmod,
    directoryChmod: "775",
    server: { host: dd.fullName, user: delivery.user, ...login.server },
    notify: { queueDirectory: delivery.notifyDirectory, baseUrl: baseUrlOf(config, dd.name) },
  } satisfies OwnDelivery;
  const part = agentPart(context, {
    ...{ name, port, program: "sender" },
    summary: `delivers products to the public data server by ${sender.protocol.toUpperCase()}`,
    account: productAccount,
    credentials: [deliveryCredential(config, sender)],
    logLevel: datamart.logLevel,
    // The agent uses no AMQP, but its server is ready when the broker there is.
    afterBroker: datamart.broker,
    writable: `${sender.queueDirectory} ${delivery.notifyDirectory}`,
    own,
  });
  return {
    ...part,
    directories: queueFolders(sender.queueDirectory, delivery.notifyDirectory),
    files: [...(part.files ?? []), ...login.files],
    units: (part.units ?? []).map((unit) => ({
      ...unit,
      reads: [...unit.reads, ...login.files.map(({ path }) => path)],
    })),
  };
}

/** A sender's config, with the server settings that differ from the defaults. */
type OwnDelivery = Omit<Partial<SftpConfig | FtpConfig>, "server"> & {
  readonly server: Partial<SftpConfig["server"] | FtpConfig["server"]>;
};

/** A sender's login. */
interface Login {
  readonly server: Partial<SftpConfig["server"] | FtpConfig["server"]>;
  readonly files: readonly FileModel[];
}

function sftpLogin(config: StackConfig, { name, port }: PublicServer): Login {
  const names = namesOf(config, name);
  const known = names.map((one) => (port === 22 ? one : `[${one}]:${port}`)).join(",");
  return {
    server: { port, keyFile: credentialFile(keyName), knownHostsFile: deliveryKnownHosts },
    files: [rootFile(deliveryKnownHosts, `${knownHostMark(known, name)}\n`)],
  };
}

function ftpLogin(config: StackConfig, { mode }: DeliverySender): Login {
  return {
    server: {
      ...{ port: ftpPort, mode, passwordFile: credentialFile(passwordName) },
      ...(speaksFtps(config) ? { tls: { caFile } } : {}),
    },
    files: [],
  };
}

/** The credential with which a sender logs in to the public data server. */
export const deliveryCredential = ({ secrets }: StackConfig, { protocol }: DeliverySender): Credential =>
  protocol === "sftp"
    ? { name: keyName, file: deliveryKeyFile, content: secrets.deliveryKey ?? "" }
    : { name: passwordName, file: `/etc/warren/secrets/${passwordName}`, content: secrets.deliveryPassword ?? "" };

/** Announces delivered files: each file of its txq is a URL, which becomes a message. */
export function notifySenderPart(context: PartContext): HostPart {
  const { config } = context;
  const { datamart } = config;
  if (!datamart?.delivery) return {};
  const { delivery, broker, exchange, notifyTopic } = datamart;
  const { exchangeKey = `${notifyTopic}.\${0}`, ...notify } = delivery.notify;
  const own: Partial<AmqpConfig> = {
    type: "amqp",
    queueDirectory: delivery.notifyDirectory,
    ...notify,
    exchange,
    ...exchangeTypeOf(config, broker, exchange),
    exchangeKey,
    alsoFormats: delivery.alsoFormats.map((format) => ({
      format,
      exchange: datamart.publicExchange,
      topicPrefix: topicPrefixes[format],
    })),
  };
  return {
    ...agentPart(context, {
      name: "dd-notify",
      program: "sender",
      summary: "announces files that were delivered to the public data server",
      account: productAccount,
      broker: { cluster: broker, hosts: brokerHosts(context, broker) },
      credentials: [passwordAt(config, config.announcements.user, broker)],
      logLevel: datamart.logLevel,
      writable: delivery.notifyDirectory,
      own,
    }),
    directories: queueFolders(delivery.notifyDirectory),
  };
}

/** The type with which `warren:brokers` declares the exchange; the sender declares it, too. The config's rules refuse headers. */
function exchangeTypeOf(
  { brokers }: StackConfig,
  broker: string,
  exchange: string,
): Pick<Partial<AmqpConfig>, "exchangeType"> {
  const type = brokers[broker]?.exchanges.find(({ name }) => name === exchange)?.type;
  return type === undefined || type === "headers" ? {} : { exchangeType: type };
}

/** First words of routing keys, to which sr3 binds, from the watcher's defaults. */
const topicPrefixes = watcherSchema.shape.topicPrefixes.parse(undefined);

const queueFolders = (...queues: readonly string[]) =>
  [productAccount.home, ...queues].map((path) => ({
    path,
    owner: productAccount.name,
    group: productAccount.name,
    mode: "0755",
  }));

interface PublicServer {
  readonly name: string;
  readonly fullName: string;
  /** Port of its sshd. */
  readonly port: number;
}

/** The only member of the broker for public clients. */
export function publicServer(config: StackConfig): PublicServer | undefined {
  const { hosts, brokers, datamart, ssh } = config;
  const name = datamart && brokers[datamart.broker]?.members[0];
  const host = name === undefined ? undefined : hosts[name];
  return name === undefined || !host
    ? undefined
    : { name, fullName: fullNameOf(config, name), port: host.ssh.port ?? ssh.port };
}

/** URL of the document root. */
export const baseUrlOf = (config: StackConfig, host: string): string =>
  config.datamart?.baseUrl ?? `http://${fullNameOf(config, host)}/`;
