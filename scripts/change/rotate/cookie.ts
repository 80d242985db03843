import { createHash } from "node:crypto";
import { and, type Command, run, to } from "../../../infra/commands/command.ts";
import { rabbitmqctl } from "../../../infra/commands/rabbitmq.ts";
import { act, actionOn, actSecretly } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { openHosts } from "../../engine/hosts.ts";
import { setConfig } from "../../engine/stack-config.ts";
import type { Rotation } from "./phase.ts";
import { newSecret } from "./stack-file.ts";
import { apply, configNow, type Subject } from "./subject.ts";

/** A new Erlang cookie for all members. Running nodes accept it without a restart; connections stay open. */
export function cookieRotation(subject: Subject): Rotation {
  const { stack, before } = subject;
  const members = Object.values(before.brokers).flatMap((broker) => broker.members);
  return {
    what: "cookie",
    phases: [
      {
        name: "change",
        where: members.join(", "),
        what: "running nodes accept a new cookie, then their command line tools use it",
        meanwhile: "no restart, and no connection is closed; the previous cookie is refused",
        async run() {
          const now = await configNow(subject);
          if (now.secrets.erlangCookie === before.secrets.erlangCookie) {
            await setConfig(stack, "warren:secrets.erlangCookie", newSecret(), { secret: true });
          }
          const problems = await apply(subject);
          return problems.length > 0 ? problems : checkCookies(subject, members);
        },
      },
    ],
    afterwards: ["tools outside that use the cookie, e.g. rabbitmqctl on another host, are refused from now on"],
  };
}

/** `rabbitmqctl` starts an Erlang VM, possibly on a busy broker. */
const askSeconds = 120;

async function checkCookies({ stack, before, ...subject }: Subject, members: readonly string[]): Promise<string[]> {
  const now = await configNow({ stack });
  const reach = await openHosts(stack, before);
  const wanted = createHash("sha256").update(now.secrets.erlangCookie).digest("hex");
  const found = await Promise.all(
    members.map(async (host) => {
      const ended = await act(reach, actionOn(host, "reports the digest of its cookie", cookieDigest, askSeconds));
      if ("why" in ended) return [`${host}: its node can't be asked with the new cookie: ${ended.why}`];
      if (!ended.output.includes(wanted)) return [`${host}: its node does not have the config's cookie`];
      return formerAnswer(host, await exitByCookie(reach, host, before.secrets.erlangCookie));
    }),
  );
  subject.engine.signal.throwIfAborted();
  return found.flat();
}

/** The CLI logs in with the cookie of the file, and the node prints the digest of its own cookie. */
const cookieDigest: Command = rabbitmqctl(
  "eval",
  'io_lib:format("~64.16.0b", [binary:decode_unsigned(crypto:hash(sha256, atom_to_binary(erlang:get_cookie(), latin1)))]).',
);

/** sysexits.h: EX_UNAVAILABLE, the node runs and has refused the command line tool. */
const refusedExit = "69";

function formerAnswer(host: string, exit: string | undefined): string[] {
  if (exit === refusedExit) return [];
  if (exit === "0") return [`${host}: still accepts the previous cookie`];
  return [`${host}: can't check that it refuses the previous cookie (${exit ? `exit code ${exit}` : "no answer"})`];
}

/** The exit code of `rabbitmqctl` with another cookie, in a home folder of its own. */
async function exitByCookie(reach: Hosts, host: string, cookie: string): Promise<string | undefined> {
  const file = `${home}/.erlang.cookie`;
  const place = and(
    run("rm", "-rf", home),
    run("install", "-d", "-o", "rabbitmq", "-g", "rabbitmq", "-m", "0700", home),
    run("umask", "077"),
    to(file, run("printf", "%s", cookie)),
    run("chown", "rabbitmq:rabbitmq", file),
    run("chmod", "0400", file),
  );
  const argv = ["runuser", "-u", "rabbitmq", "--", "env", `--chdir=${home}`, `HOME=${home}`];
  const ask = run(
    "timeout",
    String(askSeconds - 10),
    ...argv,
    "/usr/lib/rabbitmq/bin/rabbitmqctl",
    "--quiet",
    "eval",
    "ok.",
  );
  const action = { host, command: and(place, ask), remove: run("rm", "-rf", home), timeoutMs: askSeconds * 1000 };
  return (await actSecretly(reach, action))?.exitCode.toString();
}

const home = "/run/warren-former-cookie";
