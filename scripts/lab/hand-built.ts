import { notesConfig, notesKeepalived } from "../../infra/adopt/fixture.ts";
import { hostExec, type LabHost } from "./index.ts";

/** The values that an administrator typed to build the pair by hand. */
export interface HandBuilt {
  /** The two hosts; the second one joins the first. */
  readonly hosts: readonly [LabHost, LabHost];
  /** Name of the virtual IP and its address. */
  readonly vip: { readonly name: string; readonly address: string };
  /** Passwords by user: `anonymous`, `feeder`, `root`, `guest`. */
  readonly passwords: Readonly<Record<"anonymous" | "feeder" | "root" | "guest", string>>;
  /** LDAP servers of the broker's configuration; omitted: no LDAP. */
  readonly ldapServer?: string;
}

/** The Erlang cookie of both. */
export const handCookie = "HANDBUILTCOOKIEOFTHELAB";

/**
 * A broker pair built by the installation notes, command by command: package, users, permissions, plugins, cookie, join, policy, LDAP, keepalived.
 * Uses nothing of warren, and makes nothing that the notes don't make.
 */
export async function buildByHand(lab: string, built: HandBuilt): Promise<void> {
  const [first, second] = built.hosts;
  const on = (host: LabHost, script: string) =>
    hostExec(lab, host.name, ["bash", "-euo", "pipefail", "-c", script], { timeoutMs: 240_000 });
  const names = built.hosts.map((host) => `${host.address} ${host.name}`).join("\\n");
  await Promise.all(
    built.hosts.map((host, index) =>
      on(
        host,
        `printf '127.0.0.1 localhost\\n${names}\\n' > /etc/hosts
         install -d /etc/rabbitmq /etc/keepalived
         cat > /etc/rabbitmq/rabbitmq.config <<'END'
${handConfig(built.ldapServer)}END
         cat > /etc/keepalived/keepalived.conf <<'END'
${handKeepalived(built.vip, index === 0 ? 150 : 100)}END
         export DEBIAN_FRONTEND=noninteractive
         apt-get -qq update
         apt-get -qq install -y --no-install-recommends rabbitmq-server keepalived > /dev/null 2>&1
         systemctl stop rabbitmq-server
         printf %s ${handCookie} > /var/lib/rabbitmq/.erlang.cookie
         rabbitmq-plugins --offline enable rabbitmq_management${built.ldapServer ? " rabbitmq_auth_backend_ldap" : ""} > /dev/null
         systemctl start rabbitmq-server`,
      ),
    ),
  );
  await on(
    second,
    `rabbitmqctl -q stop_app; rabbitmqctl -q join_cluster rabbit@${first.name}; rabbitmqctl -q start_app`,
  );
  await on(first, commands(built));
}

/** The notes' commands, run by the broker's own program: its wrapper would expand a `$` in an expression as the shell does. */
function commands({ passwords, ldapServer }: HandBuilt): string {
  const ctl = "runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmqctl -q";
  const old = '"^xpublic|^amq.gen.*$|^cmc.*$"     "^amq.gen.*$|^cmc.*$"    "^xpublic|^amq.gen.*$|^cmc.*$"';
  const ldapUser = `
    ${ctl} add_user username aaa
    ${ctl} clear_password username
    ${ctl} set_permissions -p / username ${old}`;
  return `
    ${ctl} add_user anonymous ${passwords.anonymous}
    ${ctl} set_permissions -p / anonymous ${old}
    ${ctl} add_user feeder ${passwords.feeder}
    ${ctl} set_permissions -p / feeder ".*" ".*" ".*"
    ${ctl} add_user root ${passwords.root}
    ${ctl} set_user_tags root administrator
    ${ctl} set_user_tags guest
    ${ctl} change_password guest ${passwords.guest}
    ${ctl} set_policy ha-all "^cmc\\." '{"ha-mode":"all"}'${ldapServer ? ldapUser : ""}
    ${ctl} eval '${declarations}' > /dev/null`;
}

/** What clients declare when they connect: two exchanges, and a subscriber's queue with its binding. */
const declarations = `
  Of = fun(Kind, Name) -> {resource, <<"/">>, Kind, Name} end,
  [rabbit_exchange:declare(Of(exchange, Name), topic, true, false, false, [], <<"hand">>) || Name <- [<<"cmc">>, <<"xpublic">>]],
  rabbit_amqqueue:declare(Of(queue, <<"cmc.wxo b1">>), true, false, [{<<"x-max-length">>, long, 1000}], none, <<"hand">>),
  rabbit_binding:add({binding, Of(exchange, <<"cmc">>), <<"exp.dd.notify.#">>, Of(queue, <<"cmc.wxo b1">>), []}, <<"hand">>).`;

/** The notes' `rabbitmq.config`, with another server name. */
export const handConfig = (ldapServer: string | undefined): string =>
  ldapServer === undefined
    ? "[{rabbit, [{cluster_partition_handling, autoheal}]}].\n"
    : notesConfig.replace("ldap-dev.cmc.ec.gc.ca", ldapServer);

/** The notes' block with the lab's address and a check that can succeed; without its first line, which is prose. */
export const handKeepalived = (vip: HandBuilt["vip"], priority: number): string =>
  notesKeepalived
    .replace(/^vip .*\n\n/, "")
    .replaceAll("bunny-op", vip.name)
    .replaceAll("142.135.12.59", vip.address)
    .replace("priority 150", `priority ${priority}`)
    .replace("killall -0 rabbitmq-server", "/usr/bin/systemctl is-active --quiet rabbitmq-server");
