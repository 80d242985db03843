import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { UserError } from "../../agents/lib/errors.ts";
import type { Values } from "../../infra/config/base.ts";
import { parseStackConfig, type StackConfig } from "../../infra/config/index.ts";
import { withPlaceholders } from "../../infra/config/placeholders.ts";
import { engineCommand, type PulumiOptions, readPulumi } from "./engine.ts";
import { checkout } from "./places.ts";
import { requireConfig, stackSettings } from "./stack.ts";
import { readStackText } from "./stack-text.ts";

/** One entry of `pulumi config --json`. */
interface ConfigEntry {
  readonly value?: string;
  readonly objectValue?: unknown;
}

/**
 * A stack's config with its secrets, as the engine decrypts it; the stack must exist.
 *
 * @param file of the config; the stack's own unless given
 */
export async function readStackConfig(stack: string, file?: string): Promise<StackConfig> {
  const from = file === undefined ? [] : ["--config-file", file];
  const text = await readPulumi(["config", "--json", "--show-secrets", "--stack", stack, ...from], { stack });
  const entries = Object.entries(JSON.parse(text) as Record<string, ConfigEntry>);
  return parseStackConfig(
    Object.fromEntries(entries.map(([key, entry]) => [key.replace(/^warren:/, ""), entry.objectValue ?? entry.value])),
    `stack ${stack}`,
  );
}

/** The stack file: committed, or a lab's own. @throws UserError where there is none */
export function stackConfigFile(stack: string): string {
  requireConfig(stack);
  const name = stack.split("/").at(-1) ?? stack;
  const derived = stackSettings(name, { canAsk: true }).configFile;
  return derived ?? join(checkout, "stacks", `Pulumi.${name}.yaml`);
}

/** The `warren:` keys of a stack file as it is written, without the prefix. @throws as `readCommittedConfig` does */
export function readCommittedValues(stack: string): Values {
  const file = stackConfigFile(stack);
  return warrenKeys(readFileSync(file), relative(checkout, file));
}

/**
 * A stack's config as the checkout has it, with placeholders for its secrets. Needs no engine and no passphrase.
 *
 * @throws UserError where there is no such file, ConfigError where it is no YAML or its content is wrong
 */
export function readCommittedConfig(stack: string): StackConfig {
  const file = stackConfigFile(stack);
  return parseCommittedConfig(readFileSync(file), relative(checkout, file), `stack ${stack}`);
}

/** The same, from the bytes of such a file. @throws ConfigError and nothing else, for any bytes */
export function parseCommittedConfig(bytes: Buffer, file: string, subject: string): StackConfig {
  return parseStackConfig(withPlaceholders(warrenKeys(bytes, file)), subject);
}

function warrenKeys(bytes: Buffer, file: string): Values {
  const entries = Object.entries(readStackText(bytes, file)).filter(([key]) => key.startsWith("warren:"));
  return Object.fromEntries(entries.map(([key, value]) => [key.replace(/^warren:/, ""), value]));
}

/** The text of a committed stack file, e.g. of `lab`. */
export function stackText(stack: string): string {
  return readFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), "utf8");
}

/** One section of a stack file as written, with its secrets encrypted. */
export function stackSection(text: string, section: string): unknown {
  const file = parse(text) as { readonly config?: Record<string, unknown> };
  return file.config?.[`warren:${section}`];
}

/** A key of a path, quoted as the engine expects it, whatever characters it has. */
export const configKey = (name: string): string => `["${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"]`;

/**
 * Writes a value into the stack's config file, as `./warren pulumi config set` does. The value goes by standard input; a secret is encrypted.
 *
 * @throws UserError with the engine's message
 */
export async function setConfig(
  stack: string,
  path: string,
  value: string,
  { secret = false, ...options }: Omit<PulumiOptions, "stack"> & { readonly secret?: boolean } = {},
): Promise<void> {
  const words = ["config", "set", "--stack", stack, ...(secret ? ["--secret"] : []), "--path", path];
  const { program, args, cwd, env } = await engineCommand(words, { ...options, stack, output: "capture" });
  const result = await execa(program, [...args], { cwd, env, extendEnv: false, input: `${value}\n`, reject: false });
  if (!result.failed) return;
  throw new UserError(`stack ${stack}`, `${path} can't be set: ${result.stderr.trim() || result.shortMessage}`);
}
