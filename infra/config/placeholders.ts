import { changeDeep, isRecord, type Values, withBase } from "./base.ts";
import { brokersSchema } from "./brokers.ts";
import { deliveriesOf, deliversBy } from "./data-servers.ts";
import { datamartSchema, datamartsSchema } from "./datamart.ts";
import { passwordNeeds } from "./rules.ts";

/** Stands for a secret that has not been decrypted. It passes every rule of the config and has no other use. */
export const placeholder = "PLACEHOLDERNOTTHESECRET";

/** The same where a URL is expected; its host does not exist (RFC 2606). */
const placeholderUrl = "http://placeholder.invalid/";

const withPlaceholderUrls = (monitor: Values): Values =>
  Object.fromEntries(
    Object.entries(monitor).map(([key, value]) => [
      key,
      value === placeholder && key.endsWith("Url") ? placeholderUrl : value,
    ]),
  );

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
  const secrets: Values = isRecord(read.secrets) ? read.secrets : {};
  const given = isRecord(secrets.passwords) ? secrets.passwords : {};
  const { passwords, erlangCookie, ...login } = neededSecrets(read);
  const monitor = isRecord(secrets.monitor) ? { monitor: withPlaceholderUrls(secrets.monitor) } : {};
  return {
    ...read,
    secrets: { erlangCookie, ...secrets, ...login, ...monitor, passwords: { ...passwords, ...given } },
  };
}

/** Paths of the secrets that a committed stack file needs and does not have, e.g. `secrets.passwords.root`. */
export function missingSecrets(values: Values): string[] {
  const given = isRecord(values.secrets) ? values.secrets : {};
  // All secrets may be encrypted as one value.
  if (typeof given.secure === "string") return [];
  const { passwords, ...needed } = neededSecrets(values);
  const users = isRecord(given.passwords) ? Object.keys(given.passwords) : [];
  const missing = Object.keys(passwords).filter((user) => !users.some((one) => one.split("@")[0] === user));
  return [
    ...Object.keys(needed).filter((key) => given[key] === undefined),
    ...missing.map((user) => `passwords.${user}`),
  ].map((path) => `secrets.${path}`);
}

/** A placeholder for each secret that a stack needs. */
function neededSecrets(read: Values) {
  const based = withBase(read).values;
  const brokers = brokersSchema.safeParse(based.brokers);
  const servers = {
    datamart: datamartSchema.safeParse(based.datamart).data,
    datamarts: datamartsSchema.safeParse(based.datamarts).data ?? {},
  };
  // If the section `brokers` is invalid, its errors are reported instead of missing passwords.
  const users = brokers.success ? passwordNeeds({ brokers: brokers.data, ...servers }).map(({ user }) => user) : [];
  return {
    erlangCookie: placeholder,
    ...(deliversBy(deliveriesOf(servers), "sftp") ? { deliveryKey: placeholderKey } : {}),
    ...(deliversBy(deliveriesOf(servers), "ftp") ? { deliveryPassword: placeholder } : {}),
    passwords: Object.fromEntries(users.map((user) => [user, placeholder])),
  };
}

const isEncrypted = (value: unknown): boolean =>
  isRecord(value) && typeof value.secure === "string" && Object.keys(value).length === 1;

const decrypted = (values: Values): unknown =>
  changeDeep(values, (part) => (isEncrypted(part) ? placeholder : undefined));
