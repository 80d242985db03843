import { lookup } from "node:dns/promises";
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { readAnswer } from "../../../infra/adopt/answer.ts";
import type { AskedHost } from "../../../infra/adopt/asked.ts";
import { question } from "../../../infra/adopt/question.ts";
import { ask } from "../../../infra/hosts/ask.ts";
import { type Connection, sshOptions } from "../../../infra/hosts/ssh.ts";

export interface Login {
  readonly user: string;
  readonly port: number;
  readonly identityFile: string;
  readonly knownHostsFile: string | undefined;
  /** The file where ssh records the key of a host at first contact, until somebody confirms it. */
  readonly firstContactFile: string;
}

/** Milliseconds for one host's complete answer; its rabbitmqctl starts an Erlang VM twice. */
const answerTimeoutMs = 60_000;
const dialTimeoutSeconds = 5;

/**
 * Reads all hosts in parallel, and changes nothing on them.
 * @throws UserError that names all hosts that could not be read, and why
 */
export async function askHosts(hosts: readonly string[], login: Login): Promise<AskedHost[]> {
  await mkdir(dirname(login.firstContactFile), { recursive: true });
  const answers = await Promise.allSettled(hosts.map((host) => askHost(host, login)));
  const asked = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  const failed = answers.flatMap((answer, index) =>
    answer.status === "rejected" ? [{ host: hosts[index] ?? "", error: answer.reason as Error }] : [],
  );
  const [first, ...more] = failed;
  if (!first) return asked;
  if (more.length === 0) throw first.error;
  const lines = failed.map(({ error }) => (error instanceof UserError ? error.format() : error.message));
  throw new UserError("hosts", lines.map((line) => `\n  ${line}`).join(""));
}

async function askHost(given: string, login: Login): Promise<AskedHost> {
  const address = await addressOf(given);
  const connection = connectionOf(login, given, address);
  const host = await ask(connection, question(), readAnswer, { timeoutMs: answerTimeoutMs });
  if ("unreachable" in host) throw noAnswer(given, login, host.unreachable);
  return { given, address, host };
}

function connectionOf(login: Login, given: string, address: string): Connection {
  const { user, port, identityFile, knownHostsFile, firstContactFile } = login;
  const options = sshOptions({
    BatchMode: "yes",
    ConnectTimeout: String(dialTimeoutSeconds),
    IdentityFile: resolve(identityFile),
    UserKnownHostsFile: resolve(knownHostsFile ?? firstContactFile),
    StrictHostKeyChecking: knownHostsFile ? "yes" : "accept-new",
    HostKeyAlgorithms: "^ssh-ed25519",
    // In the format of the stack's own ssh configuration.
    ...(knownHostsFile ? {} : { HostKeyAlias: address }),
    Port: String(port),
    ControlPath: "none",
  });
  return { options, host: `${user}@${given}`, user };
}

async function addressOf(given: string): Promise<string> {
  try {
    return (await lookup(given, { family: 4 })).address;
  } catch (error) {
    throw new UserError(given, "has no IPv4 address", "give an address, or a name that resolves on this machine", {
      cause: error,
    });
  }
}

function noAnswer(given: string, login: Login, said: string): UserError {
  if (/a password is required|sudo:/.test(said)) {
    return new UserError(
      given,
      `${login.user} can't become root: ${said}`,
      `log in as root (--user root), or let ${login.user} use sudo without a password during adopt`,
    );
  }
  if (/Permission denied/.test(said)) {
    return new UserError(
      given,
      `ssh login failed as ${login.user} with ${login.identityFile}: ${said}`,
      "give --user and --identity, and install the public key on the host",
    );
  }
  if (/Host key verification failed/.test(said)) {
    return new UserError(
      given,
      `its host key is not the one in ${login.knownHostsFile ?? login.firstContactFile}`,
      `compare fingerprints on its console, then: ssh-keyscan -t ed25519 -p ${login.port} ${given}`,
    );
  }
  return new UserError(
    given,
    `can't be read: ${said}`,
    "check that the host is up and that ssh reaches it from here, on the port of --port",
  );
}
