import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { and, run, to } from "../../../infra/commands/command.ts";
import { dataServers, deliveriesOf, deliversBy } from "../../../infra/config/data-servers.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { actSecretly } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { agentCommandLine } from "../../../infra/model/agent-part.ts";
import { deliveryCredential, deliveryPlaces } from "../../../infra/model/delivery.ts";
import { openHosts } from "../../engine/hosts.ts";
import { setConfig } from "../../engine/stack-config.ts";
import { keyFiles, makeNext, publicHalf } from "./login-keys.ts";
import type { Rotation } from "./phase.ts";
import { newSecret } from "./stack-file.ts";
import { apply, configNow, type Subject } from "./subject.ts";

/** A new key and password with which px delivers to the public data server. */
export function deliveryRotation(subject: Subject): Rotation {
  const { stack, before } = subject;
  const deliveries = deliveriesOf(before);
  if (deliveries.length === 0) {
    throw new UserError(`stack ${stack}`, "has nothing to rotate: px delivers nothing (warren:datamart.delivery)");
  }
  const senders = Object.entries(before.hosts).flatMap(([host, { roles }]) => (roles.includes("px") ? [host] : []));
  return {
    what: "delivery",
    phases: [
      {
        name: "change",
        where: `${deliveries.length === 1 ? "the public data server" : "the public data servers"}, ${senders.join(", ")}`,
        what: `a new ${secretsText(before)} of ${[...new Set(deliveries.map(({ user }) => user))].join(", ")}`,
        meanwhile: "products wait on px for the seconds in which only one side has it",
        async run() {
          if (deliversBy(deliveries, "sftp")) await renewKey(subject);
          if (deliversBy(deliveries, "ftp")) await renewPassword(subject);
          const problems = await apply(subject);
          return problems.length > 0 ? problems : checkLogins(subject, senders);
        },
      },
    ],
    afterwards: ["other programs that deliver as that user need the new secrets, which are in the stack file"],
  };
}

const secretsText = (config: StackConfig): string =>
  [
    ...(deliversBy(deliveriesOf(config), "sftp") ? ["key"] : []),
    ...(deliversBy(deliveriesOf(config), "ftp") ? ["password"] : []),
  ].join(" and ");

/** Both halves are in the stack file, the public one with each public data server. If an earlier run was killed between writing them, the public one is derived from the private one. */
async function renewKey(subject: Subject): Promise<void> {
  const { stack, before } = subject;
  const folder = await mkdtemp(join(tmpdir(), "warren-key-"));
  try {
    const now = await configNow(subject);
    const { secrets } = now;
    const files = keyFiles(join(folder, "key"));
    if (secrets.deliveryKey === before.secrets.deliveryKey) {
      await makeNext(files, `warren-${stack}`);
      await setConfig(stack, "warren:secrets.deliveryKey", await readFile(files.next, "utf8"), { secret: true });
    } else {
      await writeFile(files.next, secrets.deliveryKey ?? "", { mode: 0o600 });
    }
    const half = await publicHalf(files.next);
    for (const { path, config } of dataServers(now)) {
      if (!deliversBy([config.delivery], "sftp") || config.delivery?.publicKey === half) continue;
      await setConfig(stack, `warren:${path}.delivery.publicKey`, half);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function renewPassword(subject: Subject): Promise<void> {
  const now = await configNow(subject);
  if (now.secrets.deliveryPassword !== subject.before.secrets.deliveryPassword) return;
  await setConfig(subject.stack, "warren:secrets.deliveryPassword", newSecret(), { secret: true });
}

/** On each px, for each of its senders: the new secret must be accepted, the previous one refused. */
async function checkLogins(subject: Subject, hosts: readonly string[]): Promise<string[]> {
  const { stack, before } = subject;
  const now = await configNow(subject);
  const reach = await openHosts(stack, now);
  const found = await Promise.all(
    hosts.flatMap((host) =>
      deliveryPlaces(now).map(async ({ name, sender }) => {
        const by = (config: StackConfig, called: string) =>
          tryLogin(reach, { host, agent: name, called, ...deliveryCredential(config, sender) });
        const [fresh, former] = await Promise.all([by(now, "new"), by(before, "former")]);
        return [
          ...(fresh === "accepted" ? [] : [`${host}: ${name} with the new secret: ${fresh}`]),
          ...(former === "accepted" ? [`${host}: ${name}: the previous secret is still accepted`] : []),
          ...(former === "accepted" || former === "refused"
            ? []
            : [`${host}: ${name}: can't check that the previous secret is refused: ${former}`]),
        ];
      }),
    ),
  );
  return found.flat();
}

const loginSeconds = 60;

interface Login {
  readonly host: string;
  /** Name of its unit and config. */
  readonly agent: string;
  readonly called: string;
  /** Name of the credential. */
  readonly name: string;
  readonly content: string;
}

/** Logs in as the agent does, but with the given secret. @returns `accepted`, `refused`, or the error message */
async function tryLogin(reach: Hosts, { host, agent, called, name, content }: Login): Promise<string> {
  const folder = `/run/warren-${called}-${agent}`;
  const place = and(
    run("rm", "-rf", folder),
    run("install", "-d", "-m", "0700", folder),
    run("umask", "077"),
    to(`${folder}/${name}`, run("printf", "%s", content)),
  );
  const ask = run(
    ...["timeout", String(loginSeconds - 10), "env", `CREDENTIALS_DIRECTORY=${folder}`],
    ...[...agentCommandLine("sender", agent), "--log-in"],
  );
  const remove = run("rm", "-rf", folder);
  const ended = await actSecretly(reach, {
    ...{ host, command: and(place, ask), remove },
    timeoutMs: loginSeconds * 1000,
  });
  if (!ended) return "no answer";
  if (ended.exitCode === 0) return "accepted";
  return /doesn't let \S+ in/.test(ended.output) ? "refused" : ended.output.split("\n").slice(-2).join(" ");
}
