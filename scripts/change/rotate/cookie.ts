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

/** Another Erlang cookie for all members. Nodes that run take it as they are; what is connected stays so. */
export function cookieRotation(subject: Subject): Rotation {
  const { stack, before } = subject;
  const members = Object.values(before.brokers).flatMap((broker) => broker.members);
  return {
    what: "cookie",
    phases: [
      {
        name: "change",
        where: members.join(", "),
        what: "nodes that run take a new cookie, then their command line does",
        meanwhile: "no restart, and no connection ends; the former one is refused",
        async run() {
          const now = await configNow(subject);
          if (now.secrets.erlangCookie === before.secrets.erlangCookie) {
            await setConfig(stack, "warren:secrets.erlangCookie", newSecret(), { secret: true });
          }
          const lacking = await apply(subject);
          return lacking.length > 0 ? lacking : checkCookies(subject, members);
        },
      },
    ],
    afterwards: ["who outside has the cookie, e.g. for rabbitmqctl from another host, is refused from now on"],
  };
}

/** The command line starts an Erlang VM, on a broker that has much to do. */
const askSeconds = 120;

async function checkCookies({ stack, before, ...subject }: Subject, members: readonly string[]): Promise<string[]> {
  const now = await configNow({ stack });
  const reach = await openHosts(stack, before);
  const wanted = createHash("sha256").update(now.secrets.erlangCookie).digest("hex");
  const found = await Promise.all(
    members.map(async (host) => {
      const ended = await act(reach, actionOn(host, "says its cookie", cookieDigest, askSeconds));
      if ("why" in ended) return [`${host}: its node can't be asked by the new cookie: ${ended.why}`];
      if (!ended.output.includes(wanted)) return [`${host}: its node has another cookie than the config`];
      return formerAnswer(host, await exitByCookie(reach, host, before.secrets.erlangCookie));
    }),
  );
  subject.engine.signal.throwIfAborted();
  return found.flat();
}

/** The CLI reads the file to get there, and the node says what it has itself: by its digest. */
const cookieDigest: Command = rabbitmqctl(
  "eval",
  'io_lib:format("~64.16.0b", [binary:decode_unsigned(crypto:hash(sha256, atom_to_binary(erlang:get_cookie(), latin1)))]).',
);

/** sysexits.h: EX_UNAVAILABLE, the node is there and has not let the command line in. */
const refusedExit = "69";

function formerAnswer(host: string, exit: string | undefined): string[] {
  if (exit === refusedExit) return [];
  if (exit === "0") return [`${host}: lets the former cookie in`];
  return [`${host}: can't be asked whether it refuses the former cookie (${exit ? `exit code ${exit}` : "no answer"})`];
}

/** What the command line ends with that comes with another cookie, from a home of its own. */
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
