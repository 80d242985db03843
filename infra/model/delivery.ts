import { basename, dirname } from "node:path/posix";
import type { AmqpConfig, SftpConfig } from "../../agents/sender/config.ts";
import { renderDeliveryAccount } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import type { DatamartConfig } from "../config/datamart.ts";
import type { StackConfig } from "../config/index.ts";
import { agentPart, brokerHosts, credentialFile, passwordAt, productAccount } from "./agent-part.ts";
import { rootFile } from "./files.ts";
import { knownHostMark } from "./host-key.ts";
import type { HostPart, PartContext } from "./part.ts";

/** sshd reads it with its main file; what is in it is about one account alone. */
const sshdFile = "/etc/ssh/sshd_config.d/warren-delivery.conf";
/** The public data server's key, as px knows it. */
export const deliveryKnownHosts = "/etc/warren/delivery_known_hosts";
const keyName = "delivery-key";
/** By which px logs in there. */
export const deliveryKeyFile = `/etc/warren/secrets/${keyName}`;

/** The account by which px delivers: SFTP and nothing else, below the folder that the document root is in. */
export function deliveryAccountPart({ config }: PartContext): HostPart {
  const { datamart } = config;
  const delivery = datamart?.delivery;
  if (!datamart || !delivery) return {};
  const root = dirname(datamart.productRoot);
  const keys = rootFile(`/etc/warren/authorized_keys/${delivery.user}`, `restrict ${delivery.publicKey}\n`);
  const conf = rootFile(sshdFile, renderDeliveryAccount({ user: delivery.user, root, keys: keys.path }), {
    order: "after-packages",
    validate: ["/usr/sbin/sshd", "-t", "-f", candidate],
  });
  return {
    accounts: [{ name: delivery.user, home: "/" }],
    // sshd shuts nobody into a folder that others may write to.
    directories: [{ path: root, owner: "root", group: "root", mode: "0755" }],
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

/** Delivers by SFTP; the URL of what is there then goes into the txq of the other sender. */
export function deliverySenderPart(context: PartContext): HostPart {
  const { config } = context;
  const { datamart } = config;
  const dd = publicServer(config);
  if (!datamart?.delivery || !dd) return {};
  const { delivery } = datamart;
  const own: Omit<Partial<SftpConfig>, "server"> & { server: Partial<SftpConfig["server"]> } = {
    type: "sftp",
    queueDirectory: delivery.queueDirectory,
    rules: delivery.rules,
    validation: false,
    noDuplicates: false,
    batch: 100,
    // As the account sees it: its root is the folder around.
    root: `/${basename(datamart.productRoot)}`,
    lock: "umask",
    chmod: "775",
    directoryChmod: "775",
    server: {
      host: dd.name,
      port: dd.port,
      user: delivery.user,
      keyFile: credentialFile(keyName),
      knownHostsFile: deliveryKnownHosts,
    },
    notify: { queueDirectory: delivery.notifyDirectory, baseUrl: baseUrlOf(datamart, dd.name) },
  };
  const known = dd.port === 22 ? dd.name : `[${dd.name}]:${dd.port}`;
  const hostKeys = rootFile(deliveryKnownHosts, `${knownHostMark(known, dd.name)}\n`);
  const part = agentPart(context, {
    name: "delivery",
    program: "sender",
    summary: "delivers products to the public data server",
    account: productAccount,
    credentials: [{ name: keyName, file: deliveryKeyFile, content: config.secrets.deliveryKey ?? "" }],
    logLevel: datamart.logLevel,
    // It speaks no AMQP; the server that it delivers to is there when that one's broker is.
    afterBroker: datamart.broker,
    writable: `${delivery.queueDirectory} ${delivery.notifyDirectory}`,
    own,
  });
  return {
    ...part,
    directories: queueFolders(delivery.queueDirectory, delivery.notifyDirectory),
    files: [...(part.files ?? []), hostKeys],
    units: (part.units ?? []).map((unit) => ({ ...unit, reads: [...unit.reads, hostKeys.path] })),
  };
}

/** Announces what was delivered: each file of its txq is a URL, and a message. */
export function notifySenderPart(context: PartContext): HostPart {
  const { config } = context;
  const { datamart } = config;
  if (!datamart?.delivery) return {};
  const { delivery, broker, exchange, notifyTopic } = datamart;
  const own: Partial<AmqpConfig> = {
    type: "amqp",
    queueDirectory: delivery.notifyDirectory,
    // The requirement's own dd-notify-wxo-b1.conf.
    rules: [{ reject: "^ensemble\\.naefs\\.grib2\\.raw.*" }, { accept: "^(.*)\\+\\+.*" }],
    validation: false,
    noDuplicates: false,
    exchange,
    exchangeKey: `${notifyTopic}.\${0}`,
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
      summary: "announces what was delivered to the public data server",
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

/** First words of routing keys, as sr3 binds to them. */
const topicPrefixes = { v02: "v02.post", v03: "v03" } as const;

const queueFolders = (...queues: readonly string[]) =>
  [productAccount.home, ...queues].map((path) => ({
    path,
    owner: productAccount.name,
    group: productAccount.name,
    mode: "0755",
  }));

/** The one member of the broker that the public listens to. */
export function publicServer({ hosts, brokers, datamart, ssh }: StackConfig) {
  const name = datamart && brokers[datamart.broker]?.members[0];
  const host = name === undefined ? undefined : hosts[name];
  return name === undefined || !host ? undefined : { name, port: host.ssh.port ?? ssh.port };
}

/** Where the document root is served. */
export const baseUrlOf = ({ baseUrl }: DatamartConfig, host: string): string => baseUrl ?? `http://${host}/`;
