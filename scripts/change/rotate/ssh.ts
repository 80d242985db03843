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

/** A new key pair with which warren logs in to its hosts. */
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
        what: `accept a new key, ${privateKeyFile}.next, beside the current one`,
        meanwhile: "both keys are accepted; stops if a host can't be reached",
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
        what: `${privateKeyFile} becomes the new key; the previous one is kept beside it, as .former`,
        meanwhile: "the engine's state is updated: every step of up runs once more, and changes nothing",
        async run() {
          await swap(files);
          return apply(subject);
        },
      },
      {
        name: "remove",
        where: "all hosts",
        what: "refuse the previous key",
        meanwhile: "stops if a host can't be reached, and names it",
        async run() {
          if (!(await hasFormer(files))) return [];
          const reach = await reached();
          const [before, now] = await Promise.all([publicHalf(files.former), publicHalf(files.now)]);
          const blob = before.split(" ")[1] ?? before;
          if (now.includes(blob)) throw new TypeError("the key in use must not be removed");
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
    afterwards: [`copy ${privateKeyFile} to wherever the previous key was kept: other checkouts, your safe`],
  };
}

/** If stacks share a key, warren could no longer log in to the hosts of the other one. */
function requireOwnKey(stack: string, file: string): void {
  const others = readdirSync(join(checkout, "stacks")).flatMap((name) => {
    const other = /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1];
    return other === undefined || other === stack ? [] : [other];
  });
  const sharing = others.find((other) => {
    try {
      return resolve(checkout, readCommittedConfig(other).ssh.privateKeyFile) === resolve(checkout, file);
    } catch {
      // A stack file that can't be read is reported by other verbs.
      return false;
    }
  });
  if (sharing === undefined) return;
  throw new UserError(
    `stack ${stack}`,
    `${file} is also the key of stack ${sharing}`,
    "give each stack its own key (warren:ssh.privateKeyFile)",
  );
}

/** OpenSSH's default file. */
const authorizedKeys = ".ssh/authorized_keys";

/** Runs as the user, so that the file and its folder belong to the user, wherever the home folder is. */
const asUser = (user: string, command: Command): Command =>
  run("su", "-s", "/bin/sh", "-c", render(command), "-", user);

/** The file's last line may lack its newline, so the new line starts with one; empty lines have no effect. A public key is not a secret. */
function allowKey(user: string, line: string): Command {
  const [added, merged] = [".ssh/.warren-key", ".ssh/.warren-keys"];
  const add = and(
    run("umask", "077"),
    run("mkdir", "-p", ".ssh"),
    run("touch", authorizedKeys),
    to(added, run("printf", "\n%s\n", line)),
    to(merged, run("cat", authorizedKeys, added)),
    run("mv", "-f", merged, authorizedKeys),
    run("rm", "-f", added),
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
 * Logs in to every host with only this key, on a connection of its own; jump hosts use the key in use.
 *
 * @param wanted whether the key should be accepted
 * @returns a line for each unexpected answer
 */
async function tryAll(reach: Hosts, hosts: readonly string[], file: string, wanted: boolean): Promise<string[]> {
  const text = await readFile(reach.sshConfig, "utf8");
  return fromAll(hosts, async (host) => {
    const config = `${reach.sshConfig}.${host}.rotate`;
    await writeFile(config, configWithKey(text, host, file));
    const why = await withRetry(() => tryLogin(reach.connectionTo(host), config)).finally(() =>
      rm(config, { force: true }),
    );
    if (wanted) return why === undefined ? [] : [`${host}: the new key is not accepted: ${why}`];
    if (why === undefined) return [`${host}: the previous key is still accepted`];
    return /Permission denied/.test(why) ? [] : [`${host}: can't check that it refuses the previous key: ${why}`];
  });
}

/** OpenSSH's configuration with another key for one host, and without shared connections, which were opened with other keys. Pure. */
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

/** Messages of ssh when no login took place: a busy host answers late, and nothing has been done on it. */
const unanswered = /timed out|Connection (closed|reset|refused)|kex_exchange_identification/;
const patienceMs = 30_000;
const againMs = 1000;

/** Calls `once` again while the host does not answer. @returns the error message; undefined on success */
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

/** @returns why the login fails; undefined on success */
async function tryLogin(connection: Connection, config: string): Promise<string | undefined> {
  const { exitCode, why } = await runSsh({ ...connection, options: ["-F", config] }, ["true"], { timeoutMs: loginMs });
  return exitCode === 0 ? undefined : why;
}
