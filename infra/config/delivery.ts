import * as z from "zod";
import { amqpConfig, checkExchangeKey } from "../../agents/sender/config.ts";
import { checkTemplates, deliveryKeys, deliveryRule, ftpServer } from "../../agents/sender/delivery-config.ts";
import { byName } from "./by-name.ts";
import { hostKeySchema } from "./host-key.ts";
import { nameSchema } from "./hosts.ts";

/** A path on a host. */
export const absolute = z.string().regex(/^(\/[\w.-]+)+$/, "expected an absolute path");

const { shape: sender } = amqpConfig;

/** Settings of every sender of px, under the agent's names. A stack's defaults are those of the requirement's confs, not Sundew's own. */
const senderKeys = {
  validation: sender.validation.unwrap().prefault(false),
  noDuplicates: sender.noDuplicates.unwrap().prefault(false),
  batch: sender.batch,
};

/** One delivery path to the public data server: a sender on each host with the role px, with its own txq. */
const senderSchema = z
  .strictObject({
    protocol: z.enum(["sftp", "ftp"]).default("sftp"),
    /** Default: `/apps/px/txq/NAME`. */
    queueDirectory: absolute.optional(),
    /** FTP only. */
    mode: ftpServer.shape.mode,
    ...senderKeys,
    lock: deliveryKeys.lock.unwrap().prefault("umask"),
    chmod: deliveryKeys.chmod.unwrap().prefault("775"),
    /** A sender that accepts no file would remove them all: the check `sender-accepts-nothing` stops `up`. */
    rules: z.array(deliveryRule).default([]),
  })
  .superRefine(checkTemplates);

/** The sender that announces delivered files. Exchange, broker and user are those of `warren:datamart` and `warren:announcements`. */
const notifySchema = z
  .strictObject({
    ...senderKeys,
    /** Default: `NOTIFYTOPIC.${0}`. */
    exchangeKey: sender.exchangeKey.unwrap().optional(),
    /** Default: the rules of the requirement's dd-notify-wxo-b1.conf. */
    rules: sender.rules.default([{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }]),
  })
  .superRefine(checkExchangeKey);

const port = z.int().min(1024).max(65_535);

/** The FTP server on the public data server; installed if a sender delivers by FTP. */
const ftpSchema = z.strictObject({
  /** Require FTPS, with a certificate of the stack's CA; false: unencrypted, password included. */
  tls: z.boolean().default(true),
  /** Port range for transfers, inclusive; one port per simultaneous transfer. */
  passivePorts: z.strictObject({ from: port, to: port }).default({ from: 50_000, to: 50_099 }),
});

/** Senders on hosts with the role px deliver by SFTP or FTP; another sender announces the URLs of delivered files. */
export const deliverySchema = z.strictObject({
  /** Account on the public data server whose only right is to put files there. */
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "expected a login name")
    .default("wxofeed"),
  /** Public half of `warren:secrets.deliveryKey`, as `ssh-keygen` writes it; for SFTP. */
  publicKey: hostKeySchema.optional(),
  ftp: ftpSchema.default(ftpSchema.parse({})),
  /** By name: units are called `warren-delivery-NAME`. */
  senders: z
    .record(nameSchema, senderSchema)
    .refine((senders) => Object.keys(senders).length > 0, "expected at least one sender")
    .transform((senders) => byName(Object.fromEntries(Object.entries(senders).map(withQueue)))),
  /** The txq of notifications, shared by all senders; default: `/apps/px/txq/dd-notify-NAME`, with `wxo-b1` for `warren:datamart`. */
  notifyDirectory: absolute.optional(),
  notify: notifySchema.prefault({}),
  /** Formats of deliveries in addition to the URL, if they differ from the server's `formats`. */
  alsoFormats: z.array(z.enum(["v02", "v03"])).optional(),
});

const withQueue = ([name, sender]: [string, z.infer<typeof senderSchema>]) =>
  [name, { ...sender, queueDirectory: sender.queueDirectory ?? `/apps/px/txq/${name}` }] as const;

export type DeliveryConfig = z.infer<typeof deliverySchema>;
export type DeliverySender = DeliveryConfig["senders"][string];
