import { UserError } from "../../agents/lib/errors.ts";
import { secretsSchema } from "../config/secrets.ts";
import { matchesHash } from "../plugins/rabbitmq/password-hash.ts";

/** Name -> password, as given by the user. */
export type GivenPasswords = Readonly<Record<string, string>>;

interface ExportedUser {
  readonly name: string;
  readonly password_hash: string;
  readonly hashing_algorithm: string;
}

export type Verdict =
  | { readonly kind: "given"; readonly password: string }
  /** The broker stores no password of this user; another backend checks it. */
  | { readonly kind: "none" }
  | { readonly kind: "unmanaged"; readonly reason: string };

/** Checks whether a user's password, which can't be read back from the broker, is given. */
export function checkPassword(user: ExportedUser, given: GivenPasswords): Verdict {
  if (user.password_hash === "") return { kind: "none" };
  const password = given[user.name];
  if (password === undefined) return { kind: "unmanaged", reason: "its password is not given, and can't be read back" };
  const parsed = secretsSchema.shape.passwords.safeParse({ [user.name]: password });
  if (parsed.success) return { kind: "given", password };
  return { kind: "unmanaged", reason: `warren can't use its password: ${parsed.error.issues[0]?.message}` };
}

/** Requires every given password to be correct. @throws UserError with the names of all wrong ones, never with a password */
export function verifyPasswords(users: readonly ExportedUser[], given: GivenPasswords, subject: string): void {
  const byName = new Map(users.map((user) => [user.name, user]));
  const faults = Object.entries(given).flatMap(([name, password]) => {
    const user = byName.get(name);
    if (!user) return [`${name}: no such user`];
    if (user.password_hash === "") return [`${name}: the broker stores no password of this user; LDAP checks it`];
    return matchesHash(password, user.password_hash, user.hashing_algorithm)
      ? []
      : [`${name}: the password does not match the broker's`];
  });
  if (faults.length === 0) return;
  const remedy = "pass the passwords that are in use; no file was written, and nothing was changed on the hosts";
  throw new UserError(subject, faults.map((fault) => `\n  ${fault}`).join(""), remedy);
}
