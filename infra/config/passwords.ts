import type { StackConfig } from "./schema.ts";

/**
 * A user's password at a broker: the one for this broker (`USER@BROKER`), else the user's general one.
 *
 * @param broker default: the one that carries the announcements
 *
 * @throws TypeError if the config has none, which `crossFieldIssues` should have reported
 */
export function passwordOf(config: StackConfig, user: string, broker = config.announcements.broker): string {
  const password = givenPassword(config, user, broker);
  if (password === undefined) throw new TypeError(`no password for ${user} at ${broker}`);
  return password;
}

export const hasPassword = (config: StackConfig, user: string, broker: string): boolean =>
  givenPassword(config, user, broker) !== undefined;

const givenPassword = ({ secrets: { passwords } }: StackConfig, user: string, broker: string): string | undefined =>
  passwords[`${user}@${broker}`] ?? passwords[user];
