import { z } from "zod";
import { personSchema } from "./directory.ts";
import { nameSchema } from "./hosts.ts";

/** What is said of a secret that isn't there: how it comes. @param path e.g. `secrets.erlangCookie` */
export const missingSecret = (path: string): string =>
  `a secret is expected, but it is missing: set it with \`./warren pulumi config set --secret --path warren:${path} -s STACK\``;

const secretSchema = z
  .string({
    error: ({ input, path = [] }) => (input === undefined ? missingSecret(path.join(".")) : "a secret as text"),
  })
  .min(8, "at least 8 characters");

/** Letters and digits, and what Base64 has beside them: Debian 13's package makes such a cookie. */
export const cookieSchema = secretSchema.regex(/^[A-Za-z0-9+/=]{20,255}$/, "20 to 255 letters, digits, `+`, `/`, `=`");

/** Everything secret of a stack, in one place; nothing else in the config may be secret. */
export const secretsSchema = z.strictObject({
  /** The Erlang cookie of each stack's clusters: whoever has it has the brokers. */
  erlangCookie: cookieSchema,
  /**
   * Users of the brokers by name. `root` is the administrator, `feeder` publishes and consumes for the agents (`feeder-b` in turn with it, see
   * `warren:announcements.user`), `anonymous` reads what is public, `guest` is RabbitMQ's default user, demoted, `queue-manager` has its agent's. `USER@BROKER` is that of one broker alone, where
   * what is known there is to open nothing elsewhere.
   */
  passwords: z.record(z.string().min(1), secretSchema).default({}),
  /** Private key, in OpenSSH's form and without a passphrase, by which px delivers to the public data server. */
  deliveryKey: secretSchema
    .startsWith("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key as ssh-keygen writes it")
    .optional(),
  /** Password by which px delivers by FTP. */
  deliveryPassword: secretSchema.optional(),
  /** People in the stack's own LDAP servers; see `warren:directory`. */
  directory: z.record(personSchema, secretSchema).default({}),
  /** Host -> path -> content of adopted files that have secrets of their own, e.g. `auth_pass` of keepalived. */
  files: z.record(nameSchema, z.record(z.string().startsWith("/"), z.string())).default({}),
});

/** Users whose passwords every stack has; a broker without `standardObjects` needs its administrator's alone. */
export const standardUsers = ["feeder", "anonymous", "guest"] as const;
