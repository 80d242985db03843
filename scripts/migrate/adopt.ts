import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import type { AskedHost } from "../../infra/adopt/asked.ts";
import { adoptStack } from "../../infra/adopt/stack.ts";
import { stackFileText } from "../../infra/adopt/text.ts";
import { firstContactFile, pinnedKeys, unconfirmedKeys } from "../../infra/hosts/host-keys.ts";
import { confirmKeys } from "../engine/new-hosts.ts";
import { checkout } from "../engine/places.ts";
import { newConfigFile, stackSettings } from "../engine/stack.ts";
import { showProgress } from "../engine/toolchain/progress.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { acceptNewHostsOption, port, stackName } from "../lib/options.ts";
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
  readonly acceptNewHosts?: true;
  readonly json?: true;
}

/** `./warren adopt HOST… -s STACK`: reads brokers that were set up by hand, writes a stack file that changes nothing on them, and lists what it can't express. */
export function define(command: Command): void {
  command
    .argument("<hosts...>", "all members of the cluster or clusters: addresses, or names that resolve here")
    .requiredOption("-s, --stack <stack>", "the stack to create: stacks/Pulumi.STACK.yaml", stackName)
    .option("--user <login>", "login: root, or a user with passwordless sudo", "root")
    .option("--port <number>", "SSH port of the hosts", port, 22)
    .option("--identity <file>", "private key", join(homedir(), ".ssh/id_ed25519"))
    .option("--known-hosts <file>", "known host keys; without it, warren shows the hosts' keys and asks")
    .option(...acceptNewHostsOption)
    .option(
      "--passwords <file>",
      'users\' passwords as JSON, {"root": "…"}; - is standard input. A broker doesn\'t reveal them',
    )
    .option(
      "--administrator <user>",
      "the broker user that warren uses; by default root, or the first administrator with a password",
    )
    .option("--queues <pattern>", "manage only durable queues whose names match", pattern)
    .option("--dry-run", "print the stack file and write nothing")
    .option("--force", "overwrite an existing stack file")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Reads each host once over SSH and changes nothing on it: RabbitMQ's configuration (rabbitmq.config in Erlang terms, or
rabbitmq.conf and advanced.config), plugins, users, permissions, policies, exchanges, queues, members, and keepalived.conf.
Writes a stack file, stores secrets encrypted, and records the current configuration in the stack's state, so that
\`./warren preview -s STACK --expect-no-changes\` passes. From then on, a manual change is drift.

Lists what a stack file can't express, with its place and the consequence.
Users without a given password are not managed. A wrong password is refused, with the user's name.
Like every stack, it needs a passphrase: stacks/Pulumi.STACK.passphrase.

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
    throw new UserError(options.identity, "there is no private key", "name one: --identity FILE");
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
  if (!options.knownHosts) await confirmHosts(asked, options);
  await writeFileAtomic(file, text);
  progress.line(`wrote ${said.file}`);
  const record = {
    stack,
    toolchain,
    say: (what: string) => progress.status(what),
  };
  await storeSecrets(adopted, record);
  await recordState(record);
  progress.line("recorded; the hosts are unchanged");
  process.stdout.write(
    options.json ? json({ ...said, recorded: true }) : `\n${formatAdoption(adopted)}${nextSteps(stack, said.file)}`,
  );
}

/** The stack's `up` records these keys. @throws UserError if they are not confirmed */
async function confirmHosts(asked: readonly AskedHost[], { stack, acceptNewHosts: accept }: Options): Promise<void> {
  const hosts = asked.map(({ given, address }) => ({ name: given, connection: { host: given, address, port: 22 } }));
  const keys = await pinnedKeys({ stack, hosts }, checkout, {});
  await confirmKeys(unconfirmedKeys({ stack, hosts }, keys), { stack, verb: "adopt", accept });
}

/** Checks, before any host is asked, that the result can be written. */
function requirePlace(file: string, stack: string, force: true | undefined): void {
  if (existsSync(file) && !force) {
    throw new UserError(
      relative(checkout, file),
      "already exists",
      "choose another -s STACK, or overwrite it with --force",
    );
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

/** Paths in a stack file are relative to the checkout. */
function inCheckout(file: string): string {
  const path = relative(checkout, resolve(file));
  return path.startsWith("..") || isAbsolute(path) ? resolve(file) : path;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function nextSteps(stack: string, file: string): string {
  const steps = [
    [`./warren preview -s ${stack} --expect-no-changes`, "for cron: succeeds until somebody changes something by hand"],
    [`./warren up -s ${stack}`, "repairs drift"],
    [file, "remove a service from `adopted`: preview shows what warren's own configuration would change"],
  ] as const;
  return `\n${formatColumns(steps, "  ", { gap: "   " })}\n`;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`a regular expression is expected: ${(error as Error).message}`);
  }
}
