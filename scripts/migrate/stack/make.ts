import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { missingSecrets } from "../../../infra/config/placeholders.ts";
import { newSshKey } from "../../../infra/hosts/new-key.ts";
import { ensureStack, readPulumi } from "../../engine/engine.ts";
import { checkout } from "../../engine/places.ts";
import { hasState, newConfigFile } from "../../engine/stack.ts";
import { parseCommittedConfig, readCommittedValues, setConfig } from "../../engine/stack-config.ts";
import type { Progress } from "../../engine/toolchain/progress.ts";
import { ensureToolchain } from "../../engine/toolchain/toolchain.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import { requireNoState } from "../adopt/record.ts";

const ownerOnly = 0o600;

/** The files of a new stack, relative to the checkout. */
export interface StackFiles {
  readonly config: string;
  readonly passphrase: string;
  /** The login key that is made, unless the answers name one. */
  readonly key: string;
}

export const filesOf = (stack: string): StackFiles => ({
  config: `stacks/Pulumi.${stack}.yaml`,
  passphrase: `stacks/Pulumi.${stack}.passphrase`,
  key: `keys/${stack}_ed25519`,
});

/**
 * Checks, before anything is asked, that nothing of this stack exists.
 *
 * @throws UserError with what exists
 */
export function requireNew(stack: string): void {
  const { config, passphrase } = filesOf(stack);
  const another = "choose another name";
  if (relative(checkout, newConfigFile(stack)) !== config)
    throw new UserError(`stack ${stack}`, "is the name of a lab", another);
  const existing = [config, passphrase].find((file) => existsSync(join(checkout, file)));
  if (existing) throw new UserError(existing, "already exists", `${another}, or remove the file if nothing needs it`);
  if (hasState(stack))
    throw new UserError(
      `stack ${stack}`,
      "already has a state",
      `${another}, or remove the state: ./warren pulumi stack rm --stack ${stack}`,
    );
}

export interface MakeOptions {
  readonly stack: string;
  readonly text: string;
  /** The login key, relative to the checkout; made if there is no such file. */
  readonly keyFile: string;
  readonly progress: Progress;
  /** Aborted: what was made is removed. */
  readonly signal: AbortSignal;
}

/**
 * Makes the login key, the passphrase, the stack file with its secrets encrypted, and the engine's stack: all of them, or none.
 *
 * @returns whether the login key is new
 * @throws ConfigError where the text is no valid stack; UserError with the engine's message
 */
export async function makeStack({ stack, text, keyFile, progress, signal }: MakeOptions): Promise<{ newKey: boolean }> {
  const { config, passphrase } = filesOf(stack);
  const at = (file: string) => resolve(checkout, file);
  parseCommittedConfig(Buffer.from(text), config, `stack ${stack}`);
  const toolchain = await ensureToolchain({ progress });
  const newKey = !existsSync(at(keyFile));
  const undo: (() => Promise<unknown>)[] = [];
  const write = async (file: string, content: string, mode?: number): Promise<void> => {
    signal.throwIfAborted();
    undo.unshift(() => rm(at(file), { force: true }));
    await writeFileAtomic(at(file), content, mode);
  };
  try {
    if (newKey) {
      const key = newSshKey(`warren ${stack}`);
      await write(keyFile, key.private, ownerOnly);
      await write(`${keyFile}.pub`, `${key.public}\n`);
    }
    if (!hasOwnPassphrase()) await write(passphrase, `${randomBytes(33).toString("base64")}\n`, ownerOnly);
    await write(config, text);
    await requireNoState({ stack, toolchain });
    signal.throwIfAborted();
    undo.unshift(() =>
      readPulumi(["stack", "rm", "--yes", "--force", "--preserve-config", "--stack", stack], { stack, toolchain }),
    );
    await ensureStack(stack, { toolchain });
    const secrets = missingSecrets(readCommittedValues(stack));
    for (const [index, path] of secrets.entries()) {
      signal.throwIfAborted();
      progress.status(`secrets: ${index + 1} of ${secrets.length}`);
      await setConfig(stack, `warren:${path}`, randomBytes(16).toString("hex"), { secret: true, toolchain });
    }
    progress.line(`made ${secrets.length} secrets, encrypted in ${config}`);
    return { newKey };
  } catch (error) {
    // Each removal is tried, and the first error is the one that matters.
    for (const remove of undo) await remove().catch(() => {});
    // Ctrl-C on the terminal also ends the engine, which then fails.
    throw signal.aborted ? signal.reason : error;
  }
}

/** The environment's passphrase takes precedence over a stack's file. */
export const hasOwnPassphrase = (environment: NodeJS.ProcessEnv = process.env): boolean =>
  environment.PULUMI_CONFIG_PASSPHRASE !== undefined || environment.PULUMI_CONFIG_PASSPHRASE_FILE !== undefined;
