import { UserError } from "../../agents/lib/errors.ts";
import { secretsSchema } from "../config/secrets.ts";
import { matchesHash } from "../plugins/rabbitmq/password-hash.ts";

/** Name -> password, as a person gave them. */
export type GivenPasswords = Readonly<Record<string, string>>;

interface ExportedUser {
  readonly name: string;
  readonly password_hash: string;
  readonly hashing_algorithm: string;
}

export type Verdict =
  | { readonly kind: "given"; readonly password: string }
  /** The broker keeps no password of this user: somebody else checks it. */
  | { readonly kind: "none" }
  | { readonly kind: "unmanaged"; readonly reason: string };

/** What can be done about one user's password, which can't be read back from the broker. */
export function judgePassword(user: ExportedUser, given: GivenPasswords): Verdict {
  if (user.password_hash === "") return { kind: "none" };
  const password = given[user.name];
  if (password === undefined) return { kind: "unmanaged", reason: "its password is not given, and can't be read back" };
  const taken = secretsSchema.shape.passwords.safeParse({ [user.name]: password });
  if (taken.success) return { kind: "given", password };
  return { kind: "unmanaged", reason: `its password is not one that warren takes: ${taken.error.issues[0]?.message}` };
}

/** Every given password is that of a user who is there. @throws UserError that names all that are wrong, and never what was given */
export function verifyPasswords(users: readonly ExportedUser[], given: GivenPasswords, subject: string): void {
  const byName = new Map(users.map((user) => [user.name, user]));
  const faults = Object.entries(given).flatMap(([name, password]) => {
    const user = byName.get(name);
    if (!user) return [`${name}: there is no such user`];
    if (user.password_hash === "") return [`${name}: the broker keeps no password of this user, LDAP checks it`];
    return matchesHash(password, user.password_hash, user.hashing_algorithm)
      ? []
      : [`${name}: is not the password that the broker has`];
  });
  if (faults.length === 0) return;
  const remedy = "give the passwords that are in use; nothing was written, and nothing was changed on the hosts";
  throw new UserError(subject, faults.map((fault) => `\n  ${fault}`).join(""), remedy);
}
