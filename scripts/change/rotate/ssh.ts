import { readdirSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { and, type Command, or, render, run, to } from "../../../infra/commands/command.ts";
import { act } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { type Connection, runSsh } from "../../../infra/hosts/ssh.ts";
import { openHosts } from "../../engine/hosts.ts";
import { checkout } from "../../engine/places.ts";
import { readCommittedConfig } from "../../engine/stack-config.ts";
import { fromAll } from "../../lib/lists.ts";
import { poll } from "../../lib/poll.ts";
import { hasFormer, keyFiles, makeNext, publicHalf, removeFormer, swap } from "./login-keys.ts";
import type { Rotation } from "./phase.ts";
import { apply, type Subject } from "./subject.ts";

/** Another key pair by which warren logs in to its hosts. */
export function sshRotation(subject: Subject): Rotation {
  const { stack, before } = subject;
  const { privateKeyFile } = before.ssh;
  requireOwnKey(stack, privateKeyFile);
  const files = keyFiles(privateKeyFile);
  const hosts = Object.keys(before.hosts);
  const reached = () => openHosts(stack, before);
  return {
    what: "ssh",
    phases: [
      {
        name: "bring",
        where: "all hosts",
        what: `let in a new key, ${privateKeyFile}.next, beside the one that is there`,
        meanwhile: "both are let in; a host that is away stops this",
        async run() {
          await makeNext(files, `warren-${stack}`);
          const reach = await reached();
          const line = `${await publicHalf(files.next)} warren-${stack}`;
          const missing = await onAll(reach, hosts, (user) => allowKey(user, line));
          return missing.length > 0 ? missing : tryAll(reach, hosts, files.next, true);
        },
      },
      {
        name: "take",
        where: "here",
        what: `${privateKeyFile} is the new key; the former one is beside it, as .former`,
        meanwhile: "the engine's state learns of it: every step of up is run once more, and changes nothing",
        async run() {
          await swap(files);
          return apply(subject);
        },
      },
      {
        name: "remove",
        where: "all hosts",
        what: "let the former key in no more",
        meanwhile: "a host that is away is named, and stops this",
        async run() {
          if (!(await hasFormer(files))) return [];
          const reach = await reached();
          const [before, now] = await Promise.all([publicHalf(files.former), publicHalf(files.now)]);
          const blob = before.split(" ")[1] ?? before;
          if (now.includes(blob)) throw new TypeError("the key in use is not to be removed");
          const missing = await onAll(reach, hosts, (user) => forbidKey(user, blob));
          if (missing.length > 0) return missing;
          const wrong = [
            ...(await tryAll(reach, hosts, files.now, true)),
            ...(await tryAll(reach, hosts, files.former, false)),
          ];
          if (wrong.length === 0) await removeFormer(files);
          return wrong;
        },
      },
    ],
    afterwards: [`keep ${privateKeyFile} wherever the former one was kept: other checkouts, a safe`],
  };
}

/** Hosts of another stack would be shut out. */
function requireOwnKey(stack: string, file: string): void {
  const others = readdirSync(join(checkout, "stacks")).flatMap((name) => {
    const other = /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1];
    return other === undefined || other === stack ? [] : [other];
  });
  const sharing = others.find((other) => {
    try {
      return resolve(checkout, readCommittedConfig(other).ssh.privateKeyFile) === resolve(checkout, file);
    } catch {
      // A stack file that can't be read is another verb's finding.
      return false;
    }
  });
  if (sharing === undefined) return;
  throw new UserError(
    `stack ${stack}`,
    `${file} is the key of stack ${sharing}, too`,
    "give each a key of its own (warren:ssh.privateKeyFile)",
  );
}

/** OpenSSH's first place for them. */
const authorizedKeys = ".ssh/authorized_keys";

/** Runs as the user: the file and its folder are then his, whatever his home is. */
const asUser = (user: string, command: Command): Command =>
  run("su", "-s", "/bin/sh", "-c", render(command), "-", user);

/** A public key is no secret. An editor may have left the last line without an end; an empty one says nothing. */
function allowKey(user: string, line: string): Command {
  const [more, whole] = [".ssh/.warren-key", ".ssh/.warren-keys"];
  const add = and(
    run("umask", "077"),
    run("mkdir", "-p", ".ssh"),
    run("touch", authorizedKeys),
    to(more, run("printf", "\n%s\n", line)),
    to(whole, run("cat", authorizedKeys, more)),
    run("mv", "-f", whole, authorizedKeys),
    run("rm", "-f", more),
  );
  return asUser(user, or(run("grep", "-qsxF", line, authorizedKeys), add));
}

function forbidKey(user: string, blob: string): Command {
  return asUser(user, run("sed", "-i", "-e", `\\:${blob}:d`, authorizedKeys));
}

const hostSeconds = 60;

async function onAll(reach: Hosts, hosts: readonly string[], command: (user: string) => Command): Promise<string[]> {
  return fromAll(hosts, async (host) => {
    const { user } = reach.connectionTo(host);
    const action = { host, title: "", command: command(user), timeoutSeconds: hostSeconds };
    const why = await withRetry(async () => {
      const ended = await act(reach, action);
      return "why" in ended ? ended.why : undefined;
    });
    return why === undefined ? [] : [`${host}: ${why}`];
  });
}

/**
 * Logs in to every host by one key and no other, each by a connection of its own; to its jump host by the key in use. @returns where it isn't as it
 * should be
 */
async function tryAll(reach: Hosts, hosts: readonly string[], file: string, wanted: boolean): Promise<string[]> {
  const text = await readFile(reach.sshConfig, "utf8");
  return fromAll(hosts, async (host) => {
    const config = `${reach.sshConfig}.${host}.rotate`;
    await writeFile(config, configWithKey(text, host, file));
    const why = await withRetry(() => tryLogin(reach.connectionTo(host), config)).finally(() =>
      rm(config, { force: true }),
    );
    if (wanted) return why === undefined ? [] : [`${host}: the new key is not let in: ${why}`];
    if (why === undefined) return [`${host}: the former key is still let in`];
    return /Permission denied/.test(why) ? [] : [`${host}: can't be asked whether it refuses the former key: ${why}`];
  });
}

/** OpenSSH's configuration with another key for one host, and no shared connections, which know another one. Pure. */
export function configWithKey(text: string, host: string, file: string): string {
  let block = "";
  return text
    .split("\n")
    .map((line) => {
      block = /^Host (.+)$/.exec(line)?.[1] ?? block;
      if (block === host && /^ *IdentityFile /.test(line)) return `  IdentityFile "${file}"`;
      return line.replace(/^( *ControlPath) .*$/, "$1 none");
    })
    .join("\n");
}

/** What ssh says where it came to no login: a host that has much to do answers late, and nothing has been done on it. */
const unanswered = /timed out|Connection (closed|reset|refused)|kex_exchange_identification/;
const patienceMs = 30_000;
const againMs = 1000;

/** @param once what is done, to be done again where it didn't get to the host. @returns why it can't be done */
async function withRetry(once: () => Promise<string | undefined>): Promise<string | undefined> {
  let why: string | undefined;
  const isAnswered = async () => {
    why = await once();
    return why === undefined || !unanswered.test(why);
  };
  await poll(isAnswered, { everyMs: againMs, withinMs: patienceMs });
  return why;
}

const loginMs = 60_000;

/** @returns why it is not let in; undefined where it is */
async function tryLogin(connection: Connection, config: string): Promise<string | undefined> {
  const { exitCode, why } = await runSsh({ ...connection, options: ["-F", config] }, ["true"], { timeoutMs: loginMs });
  return exitCode === 0 ? undefined : why;
}
