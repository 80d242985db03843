import { isRecord, type Values, withBase } from "./base.ts";
import { brokersSchema } from "./brokers.ts";
import { deliveriesOf, deliversBy } from "./data-servers.ts";
import { datamartSchema, datamartsSchema } from "./datamart.ts";
import { passwordNeeds } from "./rules.ts";

/** Stands for a secret that has not been decrypted. It passes every rule of the config and has no other use. */
export const placeholder = "PLACEHOLDERNOTTHESECRET";

/** The same where a private key is expected. */
const placeholderKey = "-----BEGIN OPENSSH PRIVATE KEY-----";

/**
 * The `warren:` values of a committed stack file, with placeholders for secrets that are encrypted or not set yet. For programs that read a stack
 * without its passphrase; hosts must never be configured from it.
 *
 * @param values key without `warren:` -> value as YAML has it; `{secure: …}` is an encrypted one
 */
export function withPlaceholders(values: Values): Record<string, unknown> {
  const read = decrypted(values) as Values;
  const based = withBase(read).values;
  const brokers = brokersSchema.safeParse(based.brokers);
  const servers = {
    datamart: datamartSchema.safeParse(based.datamart).data,
    datamarts: datamartsSchema.safeParse(based.datamarts).data ?? {},
  };
  // If the section `brokers` is invalid, its errors are reported instead of missing passwords.
  const users = brokers.success ? passwordNeeds({ brokers: brokers.data, ...servers }).map(({ user }) => user) : [];
  const secrets = isRecord(read.secrets) ? read.secrets : {};
  const given = isRecord(secrets.passwords) ? secrets.passwords : {};
  const passwords = { ...Object.fromEntries(users.map((user) => [user, placeholder])), ...given };
  const login = {
    ...(deliversBy(deliveriesOf(servers), "sftp") ? { deliveryKey: placeholderKey } : {}),
    ...(deliversBy(deliveriesOf(servers), "ftp") ? { deliveryPassword: placeholder } : {}),
  };
  return { ...read, secrets: { erlangCookie: placeholder, ...secrets, ...login, passwords } };
}

function decrypted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decrypted);
  if (!isRecord(value)) return value;
  if (typeof value.secure === "string" && Object.keys(value).length === 1) return placeholder;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decrypted(item)]));
}
