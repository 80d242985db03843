import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { adoptStack } from "../../infra/adopt/stack.ts";
import { stackFileText } from "../../infra/adopt/text.ts";
import { firstContactFile } from "../../infra/hosts/host-keys.ts";
import { checkout } from "../engine/places.ts";
import { newConfigFile, stackSettings } from "../engine/stack.ts";
import { showProgress } from "../engine/toolchain/progress.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { formatColumns } from "../lib/table.ts";
import { askHosts } from "./adopt/ask.ts";
import { readPasswords } from "./adopt/passwords.ts";
import { recordState, requireNoState, storeSecrets } from "./adopt/record.ts";
import { formatAdoption } from "./adopt/report.ts";

interface Options {
  readonly stack: string;
  readonly user: string;
  readonly port: number;
  readonly identity: string;
  readonly knownHosts?: string;
  readonly passwords?: string;
  readonly administrator?: string;
  readonly queues?: RegExp;
  readonly dryRun?: true;
  readonly force?: true;
  readonly json?: true;
}

/** `./warren adopt HOST… -s STACK`: reads brokers that were built by hand, writes a stack file that changes nothing, lists what has no place in it. */
export function define(command: Command): void {
  command
    .argument("<hosts...>", "all members of the cluster (of each cluster): addresses, or names that resolve here")
    .requiredOption("-s, --stack <stack>", "the stack to make: stacks/Pulumi.STACK.yaml", stackName)
    .option("--user <login>", "root, or a user whose sudo asks for no password", "root")
    .option("--port <number>", "ssh's port on the hosts", port, 22)
    .option("--identity <file>", "private key", join(homedir(), ".ssh/id_ed25519"))
    .option(
      "--known-hosts <file>",
      "host keys; without it, keys are taken as they come at this first contact, and pinned",
    )
    .option(
      "--passwords <file>",
      'users\' passwords as JSON, {"root": "…"}; - is standard input. They can\'t be read back from a broker',
    )
    .option(
      "--administrator <user>",
      "the user that warren works as; else root, or the first one with the tag and a password",
    )
    .option("--queues <pattern>", "manage durable queues whose names match; without it: all", pattern)
    .option("--dry-run", "print the stack file, write nothing")
    .option("--force", "write over a stack file that is there")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Reads each host once over ssh and changes nothing on it: RabbitMQ's configuration (rabbitmq.config in Erlang terms, or
rabbitmq.conf and advanced.config), plugins, users, permissions, policies, exchanges, queues, members, and keepalived.conf.
Writes a stack file, stores secrets encrypted, and records what is there in the stack's state, so that
\`./warren preview -s STACK --expect-no-changes\` passes. From then on a change made by hand is drift.

Lists what a stack file has no words for, with its place and what that means.
Users whose password isn't given are not managed. A password that isn't the broker's is refused by name.
The stack needs a passphrase, as every stack does: stacks/Pulumi.STACK.passphrase.

  (umask 077; openssl rand -base64 33 > stacks/Pulumi.old.passphrase)
  ./warren adopt 142.135.12.57 142.135.12.58 -s old --passwords - --dry-run < passwords.json
  ./warren adopt 142.135.12.57 142.135.12.58 -s old --passwords - < passwords.json
  ./warren preview -s old`,
    )
    .action(adopt);
}

async function adopt(hosts: string[], options: Options): Promise<void> {
  const { stack } = options;
  const file = newConfigFile(stack);
  if (!options.dryRun) requirePlace(file, stack, options.force);
  if (!existsSync(options.identity)) {
    throw new UserError(options.identity, "no private key is there", "give one: --identity FILE");
  }
  const progress = showProgress();
  const toolchain = options.dryRun ? undefined : await ensureToolchain({ progress });
  if (toolchain) await requireNoState({ stack, toolchain });
  const passwords = await readPasswords(options.passwords);
  progress.line(`asking ${hosts.join(", ")}`);
  const asked = await askHosts([...new Set(hosts)], {
    user: options.user,
    port: options.port,
    identityFile: options.identity,
    knownHostsFile: options.knownHosts,
    firstContactFile: firstContactFile(checkout, stack),
  });
  const adopted = adoptStack(asked, {
    stack,
    ssh: sshSection(options),
    passwords,
    administrator: options.administrator,
    queues: options.queues ?? /^/,
  });
  const text = stackFileText(adopted, { stack, date: new Date().toISOString().slice(0, 10) });
  const said = { stack, file: relative(checkout, file), counts: adopted.counts, unexpressed: adopted.unexpressed };
  if (!toolchain) {
    process.stdout.write(options.json ? json({ ...said, recorded: false, text }) : text);
    if (!options.json) process.stderr.write(`\n${formatAdoption(adopted)}`);
    return;
  }
  await writeFileAtomic(file, text);
  progress.line(`wrote ${said.file}`);
  const record = {
    stack,
    toolchain,
    say: (what: string) => progress.status(what),
  };
  await storeSecrets(adopted, record);
  await recordState(record);
  progress.line("recorded; nothing on the hosts was changed");
  process.stdout.write(
    options.json ? json({ ...said, recorded: true }) : `\n${formatAdoption(adopted)}${nextSteps(stack, said.file)}`,
  );
}

/** Before any host is asked: what would stop the writing afterwards. */
function requirePlace(file: string, stack: string, force: true | undefined): void {
  if (existsSync(file) && !force) {
    throw new UserError(relative(checkout, file), "is there already", "another -s STACK, or --force to write over it");
  }
  stackSettings(stack, { canAsk: false });
}

function sshSection({ user, port: number, identity, knownHosts }: Options): Record<string, string | number> {
  return {
    user,
    ...(number === 22 ? {} : { port: number }),
    privateKeyFile: inCheckout(identity),
    ...(knownHosts ? { knownHostsFile: inCheckout(knownHosts) } : {}),
  };
}

/** Paths of a stack file start from the checkout. */
function inCheckout(file: string): string {
  const path = relative(checkout, resolve(file));
  return path.startsWith("..") || isAbsolute(path) ? resolve(file) : path;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function nextSteps(stack: string, file: string): string {
  const steps = [
    [`./warren preview -s ${stack} --expect-no-changes`, "for cron: passes until somebody changes something by hand"],
    [`./warren up -s ${stack}`, "repairs that"],
    [file, "take a service out of `adopted`: preview shows what warren's own would change"],
  ] as const;
  return `\n${formatColumns(steps, "  ", { gap: "   " })}\n`;
}

function stackName(text: string): string {
  if (/^[a-z][a-z0-9-]{0,62}$/.test(text)) return text;
  throw new InvalidArgumentError("lower-case letters, digits and hyphens are expected.");
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw new InvalidArgumentError("a port is expected.");
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`a regular expression is expected: ${(error as Error).message}`);
  }
}
