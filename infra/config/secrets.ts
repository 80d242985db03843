import * as z from "zod";
import { personSchema } from "./directory.ts";
import { nameSchema } from "./hosts.ts";

/** The error for a missing secret, with the command that sets it. @param path e.g. `secrets.erlangCookie` */
export const missingSecret = (path: string): string =>
  `expected a secret, but it is missing: set it with \`./warren pulumi config set --secret --path warren:${path} -s STACK\``;

const secretSchema = z
  .string({
    error: ({ input, path = [] }) =>
      input === undefined ? missingSecret(path.join(".")) : "expected a secret as text",
  })
  .min(8, "expected at least 8 characters");

const urlSchema = secretSchema.regex(/^https?:\/\/[^\s/]+(\/\S*)?$/, "expected an http or https URL");

/** Letters, digits and the other Base64 characters, because Debian 13's package generates such cookies. */
export const cookieSchema = secretSchema.regex(
  /^[A-Za-z0-9+/=]{20,255}$/,
  "expected 20 to 255 letters, digits, `+`, `/`, `=`",
);

/** All secrets of a stack. No other part of the config may contain one. */
export const secretsSchema = z.strictObject({
  /** The Erlang cookie of the stack's clusters; it gives full control over the brokers. */
  erlangCookie: cookieSchema,
  /**
   * Passwords of the brokers' users, by name. `root` is the administrator. `feeder` publishes and consumes for the agents, alternating with
   * `feeder-b` (see `warren:announcements.user`). `anonymous` reads public objects. `guest` is RabbitMQ's default user, without its rights.
   * `queue-manager` is the agent of that name. `USER@BROKER` is the password at one broker only, where a password that is known there must
   * not be valid elsewhere.
   */
  passwords: z.record(z.string().min(1), secretSchema).default({}),
  /** Private key, in OpenSSH format without a passphrase, with which px delivers to the public data server. */
  deliveryKey: secretSchema
    .startsWith("-----BEGIN OPENSSH PRIVATE KEY-----", "expected a private key as ssh-keygen writes it")
    .optional(),
  /** Password with which px delivers by FTP. */
  deliveryPassword: secretSchema.optional(),
  /** People in the stack's own LDAP servers; see `warren:directory`. */
  directory: z.record(personSchema, secretSchema).default({}),
  /** What the monitor needs to notify somebody; each is optional, and may contain a token. */
  monitor: z
    .strictObject({
      /** Password of `warren:monitor.receivers.mail.user` at the smarthost. */
      mailPassword: secretSchema.optional(),
      /** Alertmanager posts alerts to it. */
      webhookUrl: urlSchema.optional(),
      /** A second place, which notifies somebody if it is not called for some minutes. */
      deadManUrl: urlSchema.optional(),
      /** Who may see the live page with `warren:monitor.page.login: password`, with their passwords. */
      people: z.record(personSchema, secretSchema).optional(),
    })
    .default({}),
  /** Host -> path -> content of adopted files that contain secrets, e.g. `auth_pass` of keepalived. */
  files: z.record(nameSchema, z.record(z.string().startsWith("/"), z.string())).default({}),
});

/** Users that every broker has, unless `standardObjects` is false; such a broker needs only its administrator's password. */
export const standardUsers = ["feeder", "anonymous", "guest"] as const;
