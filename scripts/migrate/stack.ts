import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { UserError } from "../../agents/lib/errors.ts";
import { checkout } from "../engine/places.ts";
import { showProgress } from "../engine/toolchain/progress.ts";
import { interruptibleTwice } from "../lib/interruption.ts";
import { stackName } from "../lib/options.ts";
import { type Answers, readAnswers } from "./stack/answers.ts";
import { filesOf, hasOwnPassphrase, makeStack, requireNew } from "./stack/make.ts";
import { askQuestions } from "./stack/questions.ts";
import { newStackText } from "./stack/text.ts";

/** An answers file has some hundred bytes. */
const answersBytesMax = 64 * 1024;

interface Options {
  readonly from?: string;
  readonly dryRun?: true;
}

/** `./warren stack new NAME`: asks for what only the operator knows, and makes a stack. */
export function define(command: Command): void {
  command
    .command("new")
    .description("ask for hosts and addresses; write the stack file, its login key, passphrase and secrets")
    .argument("<name>", "the stack to create: stacks/Pulumi.NAME.yaml", stackName)
    .option("--from <file>", "answers as YAML, instead of questions")
    .option("--dry-run", "print the stack file and write nothing")
    .addHelpText(
      "after",
      `
Asks for hosts of each kind, the virtual IP and the login. Contacts no host and overwrites nothing. Writes nothing before
the last answer; Ctrl-C after that removes what was made. The passphrase and the private key are readable only by you
(mode 0600), and git ignores them.

Answers as YAML. Required are radar servers, brokers and pullers, and with several brokers a virtual IP:

  domain: weather.example.org
  release: trixie                    # or bookworm: Debian 12, RabbitMQ 3.10
  radarServers: { urp-1: 192.0.2.11, urp-2: 192.0.2.12 }
  brokers: { bunny1: 192.0.2.21, bunny2: 192.0.2.22, bunny3: 192.0.2.23 }
  pullers: { pds-1: 192.0.2.31, pds-2: 192.0.2.32 }
  monitors: { monitor-1: 192.0.2.41 }
  virtualIp: { name: brokers, address: 192.0.2.50, interface: eth0, routerId: 50 }
  user: root                         # or a user with passwordless sudo
  privateKeyFile: keys/own_ed25519   # without this line a new key is made

Exit codes: 0 made, 1 failed, 2 wrong answers, 130 Ctrl-C.

  ./warren stack new trial
  ./warren stack new trial --from answers.yaml`,
    )
    .action(newStack);
}

async function newStack(stack: string, options: Options): Promise<void> {
  if (!options.dryRun) requireNew(stack);
  const { key } = filesOf(stack);
  const answers = options.from === undefined ? await askQuestions(key) : answersFrom(options.from);
  const keyFile = answers.privateKeyFile ?? key;
  const text = newStackText(stack, answers, keyFile);
  if (options.dryRun) {
    process.stdout.write(text);
    return;
  }
  await interruptibleTwice(
    {
      verb: "stack new",
      first: "removing what was made; Ctrl-C again stops at once",
      second: () => `stopped; what was made is left: ${Object.values(filesOf(stack)).join(", ")}`,
    },
    async (signal) => {
      const made = await makeStack({ stack, text, keyFile, progress: showProgress(), signal });
      process.stdout.write(nextSteps(stack, answers, keyFile, made.newKey));
    },
  );
}

/** @throws ConfigError with all mistakes; UserError for a file that does not exist, or for a key that does not */
function answersFrom(file: string): Answers {
  if (!existsSync(file))
    throw new UserError(file, "there is no such file", "./warren stack new --help shows its content");
  const bytes = readFileSync(file);
  if (bytes.length > answersBytesMax)
    throw new UserError(file, `expected at most ${answersBytesMax} bytes, got ${bytes.length}`);
  const answers = readAnswers(bytes, file);
  const { privateKeyFile } = answers;
  if (privateKeyFile !== undefined && !existsSync(resolve(checkout, privateKeyFile)))
    throw new UserError(privateKeyFile, "there is no such file", "leave privateKeyFile out to have a key made");
  return answers;
}

function nextSteps(stack: string, answers: Answers, keyFile: string, newKey: boolean): string {
  const { config, passphrase } = filesOf(stack);
  const hosts = [answers.radarServers, answers.brokers, answers.pullers, answers.monitors].flatMap(Object.values);
  const install = `  # install the new login key on each host
  for host in ${hosts.join(" ")}; do ssh-copy-id -i ${keyFile}.pub ${answers.user}@$host; done
`;
  return `
Stack ${stack} is described in ${config}.
${hasOwnPassphrase() ? "Its secrets are encrypted with the passphrase of your environment." : `Its secrets are encrypted with ${passphrase}: keep a copy in your safe.`}

Next:
${newKey ? install : ""}  ./warren checks -s ${stack}     # unsafe settings, with remedies
  ./warren preview -s ${stack}    # compare the host keys that it prints with the hosts' consoles
  ./warren up -s ${stack}
  ./warren verify -s ${stack}
`;
}
