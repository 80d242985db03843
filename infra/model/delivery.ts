import { basename, dirname } from "node:path/posix";
import type { AmqpConfig, FtpConfig, SftpConfig } from "../../agents/sender/config.ts";
import { renderDeliveryAccount } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import { byName } from "../config/by-name.ts";
import { deliversBy } from "../config/data-servers.ts";
import type { DeliverySender } from "../config/delivery.ts";
import { namesOf } from "../config/full-names.ts";
import type { StackConfig } from "../config/index.ts";
import {
  agentPart,
  agentPasswordAt,
  brokerHosts,
  type Credential,
  credentialFile,
  metricsPorts,
  metricsPortsFrom,
  productAccount,
} from "./agent-part.ts";
import { deliveredFormats, topicPrefixesOf } from "./announced.ts";
import { rootFile } from "./files.ts";
import { ftpPort } from "./ftp-server.ts";
import { knownHostMark } from "./host-key.ts";
import type { HostPart, PartContext } from "./part.ts";
import { type PublicServer, publicServerAt, publicServers } from "./public-servers.ts";
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
export function deliveryAccountPart({ config, host }: PartContext): HostPart {
  const datamart = publicServerAt(config, host)?.config;
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
  /** To which it delivers. */
  readonly server: PublicServer;
}

/** Name of a sender's unit and config. */
export const deliveryName = (sender: string) => `delivery-${sender}` as const;

/** The senders that deliver, in the order of their names. */
export function deliveryPlaces(config: StackConfig): DeliveryPlace[] {
  const senders = publicServers(config).flatMap((server) =>
    Object.entries(server.config.delivery?.senders ?? {}).map(([name, sender]) => [name, { sender, server }] as const),
  );
  return Object.entries(byName(Object.fromEntries(senders))).map(([name, place], index) => ({
    ...{ name: deliveryName(name), port: metricsPortsFrom.delivery + index, ...place },
  }));
}

/** Each delivers by its own protocol from its own txq. URLs of delivered files go into the txq of the announcing sender. */
export const deliverySenderParts = (context: PartContext): HostPart[] =>
  deliveryPlaces(context.config).map((place) => senderPart(context, place));

function senderPart(context: PartContext, { name, port, sender, server }: DeliveryPlace): HostPart {
  const { config } = context;
  const { config: datamart, notifyDirectory } = server;
  const { delivery } = datamart;
  if (!delivery) return {};
  const login = sender.protocol === "sftp" ? sftpLogin(config, server) : ftpLogin(server, sender);
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
    server: { host: server.fullName, user: delivery.user, ...login.server },
    notify: { queueDirectory: notifyDirectory, baseUrl: server.baseUrl },
  } satisfies OwnDelivery;
  const part = agentPart(context, {
    ...{ name, port, program: "sender" },
    summary: `delivers products to the public data server by ${sender.protocol.toUpperCase()}`,
    account: productAccount,
    credentials: [deliveryCredential(config, sender)],
    logLevel: datamart.logLevel,
    // The agent uses no AMQP, but its server is ready when the broker there is.
    afterBroker: datamart.broker,
    writable: `${sender.queueDirectory} ${notifyDirectory}`,
    own,
  });
  return {
    ...part,
    directories: queueFolders(sender.queueDirectory, notifyDirectory),
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

/** The keys of all public data servers are in one file, which all senders share. */
function sftpLogin(config: StackConfig, { sshPort: port }: PublicServer): Login {
  const servers = publicServers(config).filter(({ config: { delivery } }) => deliversBy([delivery], "sftp"));
  const lines = servers.map(({ host, sshPort }) => {
    const names = namesOf(config, host).map((one) => (sshPort === 22 ? one : `[${one}]:${sshPort}`));
    return `${knownHostMark(names.join(","), host)}\n`;
  });
  return {
    server: { port, keyFile: credentialFile(keyName), knownHostsFile: deliveryKnownHosts },
    files: [rootFile(deliveryKnownHosts, lines.join(""))],
  };
}

function ftpLogin({ config }: PublicServer, { mode }: DeliverySender): Login {
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

/** An agent that announces what is delivered to a public data server. */
interface NotifyPlace {
  readonly name: PublicServer["notifier"];
  readonly port: number;
  readonly server: PublicServer;
}

/** One for each public data server that px delivers to. */
export const notifyPlaces = (config: StackConfig): NotifyPlace[] =>
  publicServers(config)
    .filter((server) => server.config.delivery)
    .map((server, index) => ({
      name: server.notifier,
      port: server.notifier === "dd-notify" ? metricsPorts["dd-notify"] : metricsPortsFrom.notify + index,
      server,
    }));

export const notifySenderParts = (context: PartContext): HostPart[] =>
  notifyPlaces(context.config).map((place) => notifySenderPart(context, place));

/** Announces delivered files: each file of its txq is a URL, which becomes a message. */
function notifySenderPart(context: PartContext, { name, port, server }: NotifyPlace): HostPart {
  const { config } = context;
  const { config: datamart, notifyDirectory } = server;
  const { delivery, broker, exchange, notifyTopic } = datamart;
  if (!delivery) return {};
  const { exchangeKey = `${notifyTopic}.\${0}`, ...notify } = delivery.notify;
  const own: Partial<AmqpConfig> = {
    type: "amqp",
    queueDirectory: notifyDirectory,
    ...notify,
    exchange,
    ...exchangeTypeOf(config, broker, exchange),
    exchangeKey,
    alsoFormats: (delivery.alsoFormats ?? deliveredFormats(datamart))
      .filter((format) => format !== "exp")
      .map((format) => ({
        format,
        exchange: datamart.publicExchange,
        topicPrefix: topicPrefixesOf(datamart)[format],
      })),
  };
  return {
    ...agentPart(context, {
      ...{ name, port, program: "sender" },
      summary: "announces files that were delivered to the public data server",
      account: productAccount,
      broker: { cluster: broker, hosts: brokerHosts(context, broker) },
      credentials: [agentPasswordAt(config, "sender", broker)],
      logLevel: datamart.logLevel,
      writable: notifyDirectory,
      own,
    }),
    directories: queueFolders(notifyDirectory),
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

const queueFolders = (...queues: readonly string[]) =>
  [productAccount.home, ...queues].map((path) => ({
    path,
    owner: productAccount.name,
    group: productAccount.name,
    mode: "0755",
  }));
