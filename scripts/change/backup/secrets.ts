import { readFile } from "node:fs/promises";
import { UserError } from "../../../agents/lib/errors.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { stackSettings } from "../../engine/stack.ts";

/** All secrets of a stack, by path in the config. */
export function secretsOf({ secrets }: Pick<StackConfig, "secrets">): Record<string, string> {
  return Object.fromEntries(leaves("secrets", secrets));
}

function leaves(path: string, value: unknown): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => leaves(`${path}.${name}`, each));
}

/** The config without secrets, in a fixed order: equal if only secrets have changed. */
export const openConfig = ({ secrets: _, ...open }: StackConfig): string => JSON.stringify(open);

/**
 * The passphrase that encrypts a stack's secrets also encrypts its backups.
 *
 * @param file given by the user; takes precedence over the stack's own passphrase
 * @throws UserError if there is no passphrase, as with a key service
 */
export async function passphraseOf(stack: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return readPassphrase(file);
  const { env } = stackSettings(stack);
  const set = { ...process.env, ...env };
  if (set.PULUMI_CONFIG_PASSPHRASE) return set.PULUMI_CONFIG_PASSPHRASE;
  if (set.PULUMI_CONFIG_PASSPHRASE_FILE) return readPassphrase(set.PULUMI_CONFIG_PASSPHRASE_FILE);
  throw new UserError(
    `stack ${stack}`,
    "has no passphrase to encrypt a backup with",
    "choose one, keep it in your safe, and pass it with --passphrase-file FILE",
  );
}

async function readPassphrase(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: Error) => {
    throw new UserError(file, `the passphrase can't be read: ${cause.message}`, undefined, { cause });
  });
  if (text.trim() !== "") return text.trim();
  throw new UserError(file, "is empty; a passphrase is expected");
}
