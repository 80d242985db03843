import type { Finding } from "./findings.ts";

/** What becomes of options without an equivalent in an agent's config. */
export interface Left {
  readonly kind: Finding["kind"];
  readonly why: string;
  readonly remedy: string;
}

const none = "none is needed";
const noted = (why: string): Left => ({ kind: "noted", why, remedy: none });
const each = (options: string, left: Left): [string, Left][] => options.split(" ").map((option) => [option, left]);

const everywhere: readonly [string, Left][] = [
  ...each("exchange_realm", noted("RabbitMQ has no realms")),
  ...each("keepAlive", noted("agents find a dead connection by heartbeats: broker.heartbeatSeconds")),
  ...each("logrotate", noted("agents write their log to standard output: the journal keeps it")),
  ...each("daysToKeepInDB", noted("Sundew's cleaner reads it, no sender or receiver")),
];

const ofSenders: readonly [string, Left][] = [
  ...each("purgeAlias", noted("says nothing by itself")),
  ...each("purge", {
    kind: "unexpressed",
    why: "the agent deletes no file because of its age: waiting files are sent when the server is back",
    remedy: "if old files must not be sent, delete them by cron: find TXQ -type f -mmin +MINUTES -delete",
  }),
  ...each("sorter", {
    kind: "unexpressed",
    why: "the agent sends files by priority, then by time, as MultiKeysStringSorter did; it has no other order",
    remedy: "check that their readers need no other order",
  }),
];

/** For a sender of type amqp. Options that Sundew's senderAMQP.py did not read are no loss. */
export const leftOfSender: ReadonlyMap<string, Left> = new Map([
  ...everywhere,
  ...ofSenders,
  ...each(
    "directory filename kbytes_ps timeout timeout_send maxLength chmod lock ftp_mode binary dir_pattern dir_mkdir ssh_keyfile key_file",
    noted("no sender of type amqp used it"),
  ),
  ...each("destfn_script dx_script fx_script am_dest_thread", noted("no sender of type amqp used it")),
  ...each("patternMatching", noted("a sender of type amqp asked accept and reject in any case")),
  ...each("send_script", {
    kind: "unexpressed",
    why: "the agent runs no script; Sundew ran its top level when it read this file",
    remedy: "read the script; what it does to files has to happen before they are in the txq",
  }),
]);

const scripted: Left = {
  kind: "unexpressed",
  why: "the agent runs no script",
  remedy: "read the script; what it does to files or names has to happen before they are in the txq, or by `fileName`",
};

/** For a sender that delivers. Options that Sundew's SenderFTP.py did not read are no loss. */
export const leftOfDelivery: ReadonlyMap<string, Left> = new Map([
  ...everywhere,
  ...ofSenders,
  ...each("destfn_script fx_script", scripted),
  ...each("dx_script am_dest_thread maxLength", noted("no sender that delivers used it")),
  ...each("exchange_name exchange_key exchange_type exchange_content", noted("no sender that delivers used it")),
  ...each("patternMatching", noted("a sender that delivers asked accept and reject in any case")),
  ...each("kbytes_ps", {
    kind: "unexpressed",
    why: "the agent sends as fast as the server accepts",
    remedy: "if the bandwidth must be limited, use tc on this host",
  }),
  ...each("timeout_send", {
    kind: "unexpressed",
    why: "the agent has no time limit for a file: it gives up on a server that is idle for 30 s",
    remedy: "to change that time: server.idleTimeoutMs",
  }),
]);

const ingest: Left = {
  kind: "unexpressed",
  why: "it is about ingesting, which the agent does not do: it puts files into the rxq",
  remedy: "keep it in the receiver of type single-file that ingests from there",
};

/** For a receiver of type amqp. */
export const leftOfReceiver: ReadonlyMap<string, Left> = new Map([
  ...everywhere,
  ...each("extension arrival_extension routemask routing_version routingTable feed bulletin_type", ingest),
  ...each("AddSMHeader addStationInFilename arrival patternMatching clientsPatternMatching", ingest),
  ...each("timask temask transformation fx_script lx_script", ingest),
  ...each("vip", {
    kind: "unexpressed",
    why: "the agent works on any host, and needs no address",
    remedy: "start it on one host, or on all: agents of one queue share its messages",
  }),
  ...each("cache_size", noted("noduplicates says whether it counts")),
  ...each("batch mtime sorter", noted("no receiver of type amqp used it: it read messages, not files")),
  ...each(
    "directory get ssh_keyfile timeout_get ftp_mode pull_sleep pull_wait delete pull_prefix pull_script",
    noted("no receiver of type amqp used it: it is for pulling files"),
  ),
  ...each(
    "header hours primary cycle issue history future aaxx metar taf",
    noted("no receiver of type amqp used it: it is for collecting bulletins"),
  ),
]);

export const unknownOption: Left = {
  kind: "unexpressed",
  why: "Sundew has no such option and ignored it",
  remedy: "if it is a typing mistake, correct it and import again; otherwise remove the line",
};

const pullerPlace = [
  "the puller takes its place: in a stack a host with the role pds, alone agents/puller/example.json;",
  "check that announcements.receiverDirectory (receiverQueueDirectory) is this receiver's rxq,",
  "and keep its accept and reject lines in a receiver of type single-file that ingests from there",
].join(" ");
const announcerPlace = [
  "the announcer takes its place: in a stack a host with the role urp, alone agents/announcer/example.json;",
  "check that announcements.productRoot is the folder of products, and announcements.inputTopic the start of its exchange_key",
].join(" ");
const scriptPlace = [
  "read the script: if it only delivers, write `type single-file`, check the directory and filename lines, and import again;",
  "if it also writes each product's URL into a txq, write `send_script sftp_amqp.py`;",
  "what else it does has to happen before files are in the txq",
].join(" ");

/** What takes the place of a file whose type has no agent, and what to check. @param names of its scripts, and of the file */
export function otherType(type: string, names: readonly string[]): string {
  const name = names.join(" ");
  if (/pull_amqp_wget|pull_urp/.test(name)) return pullerPlace;
  if (name.includes("amqp_expose_db")) return announcerPlace;
  if (type === "script") return scriptPlace;
  if (["am", "amis", "wmo"].includes(type)) return "keep it: no agent speaks that bulletin protocol";
  return "keep it: senders of type amqp and those that deliver by FTP or SFTP can be imported, and receivers of type amqp";
}
