import { changeBroker, passwordOfUser } from "./broker-change.ts";
import { on } from "./subject.ts";

/** What somebody does by hand, what the preview says of it, and what it would change to mend it. */
export interface DriftRow {
  /** For the table. */
  readonly what: string;
  /** Host or cluster. */
  readonly where: string;
  readonly does: () => Promise<unknown>;
  /** `THING`, and what of its difference is said. */
  readonly says: readonly [thing: string, difference: string | RegExp];
  /** Names of the resources by which it is mended. */
  readonly mends: readonly string[];
  /** Only where queues are mirrored by policy: elsewhere there is no policy. */
  readonly mirrored?: boolean;
}

const cli = "runuser -u rabbitmq -- env --chdir=/var/lib/rabbitmq HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin";
export const ctl = (host: string, ...orders: readonly string[]): Promise<unknown> =>
  on(host, orders.map((order) => `${cli}/rabbitmqctl --quiet ${order}`).join(" && "));

const onHost = (
  host: string,
  what: string,
  script: string,
  thing: string,
  difference: string | RegExp,
  also: readonly string[] = [],
): DriftRow => ({
  what,
  where: host,
  does: () => on(host, script),
  says: [thing, difference],
  mends: [thing, ...also].map((step) => `${host} ${step}`),
});

const inBroker = (
  what: string,
  does: () => Promise<unknown>,
  thing: string,
  difference: string | RegExp,
  also: readonly string[] = [],
): DriftRow => ({
  what,
  where: "bunny",
  does,
  says: [thing, difference],
  mends: [thing, ...also].map((object) => `bunny ${object}`),
});

const oldVersion = "/^Package: keepalived$/,/^$/s/^Version: .*/Version: 1:2.0.0-1/";

/** All that can be there at the same time. */
export const rows: readonly DriftRow[] = [
  onHost(
    "bunny2",
    "a file edited by hand",
    "echo '# by hand' >> /etc/keepalived/keepalived.conf",
    "/etc/keepalived/keepalived.conf",
    "content differs",
    ["keepalived.service"],
  ),
  onHost("urp-1", "mode", "chmod 0600 /etc/hosts", "/etc/hosts", "mode 0600 instead of 0644"),
  onHost(
    "urp-1",
    "owner",
    "chgrp adm /etc/warren/announcer.json",
    "/etc/warren/announcer.json",
    "owner root:adm instead of root:root",
    ["warren-announcer.service"],
  ),
  onHost("bunny2", "a file gone", "rm /etc/apt/preferences.d/warren", "/etc/apt/preferences.d/warren", "is missing"),
  onHost(
    "urp-1",
    "a package gone",
    "dpkg --remove --force-depends inotify-tools",
    "packages",
    "inotify-tools is not installed",
  ),
  onHost(
    "bunny2",
    "a package of another version",
    `sed -i '${oldVersion}' /var/lib/dpkg/status`,
    "packages",
    /keepalived 1:2\.0\.0-1 instead of 1:2\./,
  ),
  onHost("bunny2", "a package no longer held", "apt-mark unhold keepalived", "packages", "keepalived is not held"),
  onHost(
    "urp-1",
    "a unit stopped",
    "systemctl stop apache2.service",
    "apache2.service",
    "is inactive instead of active",
  ),
  onHost("urp-1", "a unit masked", "systemctl mask apache2.service", "apache2.service", "is masked instead of enabled"),
  onHost(
    "bunny2",
    "a unit disabled",
    "systemctl disable warren-dispatcher.service",
    "warren-dispatcher.service",
    "is disabled instead of enabled",
  ),
  onHost(
    "bunny2",
    "a plugin disabled",
    `${cli}/rabbitmq-plugins --quiet disable rabbitmq_management`,
    "/etc/rabbitmq/enabled_plugins",
    "content differs",
    ["rabbitmq-server.service", "member of bunny"],
  ),
  inBroker(
    "tags",
    async () => changeBroker("PUT", "users/feeder", { password: await passwordOfUser("feeder"), tags: "management" }),
    "user feeder",
    "tags [management] instead of []",
  ),
  inBroker(
    "password",
    () => changeBroker("PUT", "users/guest", { password: "somebody-elses", tags: "" }),
    "user guest",
    "the password differs",
  ),
  inBroker("a user gone", () => changeBroker("DELETE", "users/anonymous"), "user anonymous", "is gone", [
    "permissions of anonymous",
  ]),
  inBroker(
    "permissions",
    () => changeBroker("PUT", "permissions/%2F/feeder", { configure: ".*", write: ".*", read: ".*|x" }),
    "permissions of feeder",
    'read ".*|x" instead of ".*"',
  ),
  inBroker("an exchange gone", () => changeBroker("DELETE", "exchanges/%2F/xpublic"), "exchange xpublic", "is gone"),
  {
    ...inBroker(
      "a policy",
      () =>
        changeBroker("PUT", "policies/%2F/ha-all", {
          pattern: "^cmc\\.",
          "apply-to": "queues",
          priority: 3,
          definition: { "ha-mode": "all", "ha-sync-mode": "automatic" },
        }),
      "policy ha-all",
      "priority 3 instead of 0",
    ),
    mirrored: true,
  },
  onHost(
    "px-1",
    "a sender's config edited by hand",
    "sed -i s/775/600/ /etc/warren/delivery-sftp.json",
    "/etc/warren/delivery-sftp.json",
    "content differs",
    ["warren-delivery-sftp.service"],
  ),
  onHost(
    "wxo-b1",
    "a file of sshd's gone",
    "rm /etc/ssh/sshd_config.d/warren-delivery.conf",
    "/etc/ssh/sshd_config.d/warren-delivery.conf",
    "is missing",
    ["ssh.service"],
  ),
  {
    what: "an operator policy gone",
    where: "wxo-b1",
    does: () => changeBroker("DELETE", "operator-policies/%2F/clients", undefined, "wxo-b1"),
    says: ["operator policy clients", "is gone"],
    mends: ["wxo-b1 operator policy clients"],
  },
  onHost(
    "client-1",
    "a client stopped",
    "systemctl stop warren-subscriber",
    "warren-subscriber.service",
    "is inactive instead of active",
  ),
];

/** By itself: agents bind their queues again when they look at them, every half minute each. */
export const bindingGone: DriftRow = {
  what: "a binding of the agents gone",
  where: "bunny1",
  does: () => changeBroker("DELETE", "bindings/%2F/e/cmc/q/cmc.urp.pull/v00.urp.notify.%23"),
  says: ["warren-dispatcher.service", "binding of cmc.urp.pull to cmc: key v00.urp.notify.# is gone"],
  mends: ["bunny1 warren-dispatcher.service"],
};

/** What can't be there together with those. */
export const furtherRows = (address: string): readonly DriftRow[] => [
  {
    ...onHost("bunny2", "a member left", "true", "member of bunny", "is not a member"),
    // Started again it would find its way back by itself.
    does: () => ctl("bunny2", "stop_app", "reset"),
    mends: ["bunny2 rabbitmq-server.service", "bunny2 member of bunny"],
  },
  {
    ...inBroker("a policy gone", () => changeBroker("DELETE", "policies/%2F/ha-all"), "policy ha-all", "is gone"),
    mirrored: true,
  },
  inBroker(
    "an exchange of another type",
    async () => {
      await changeBroker("DELETE", "exchanges/%2F/xpublic");
      await changeBroker("PUT", "exchanges/%2F/xpublic", { type: "fanout", durable: true });
    },
    "exchange xpublic",
    "type fanout instead of topic",
  ),
  {
    ...onHost("bunny1", "the virtual IP on no host", "true", "keepalived.service", `${address} is on no host`),
    // Hung, not ended: a keepalived that works takes the address back by itself.
    does: async () => {
      for (const host of ["bunny1", "bunny2"]) await on(host, "systemctl kill --signal=STOP keepalived.service");
      for (const host of ["bunny1", "bunny2"])
        await on(host, `ip address del ${address}/32 dev eth0 2>/dev/null || true`);
    },
  },
];

/** What is there and not of the model: said, and left alone. */
export const strangers = {
  does: async (): Promise<void> => {
    await changeBroker("PUT", "users/stranger", { password: "of-a-stranger", tags: "monitoring" });
    await changeBroker("PUT", "policies/%2F/by-hand", { pattern: "^by-hand", definition: { "max-length": 9 } });
    await changeBroker("PUT", "queues/%2F/cmc.by.hand", { durable: true });
    await on("bunny2", "ip address add 192.0.2.7/32 dev eth0");
  },
  are: [
    "user stranger [monitoring]",
    "policy by-hand on all ^by-hand",
    "queue cmc.by.hand",
    "address 192.0.2.7 on bunny2",
  ],
  go: async (): Promise<void> => {
    await changeBroker("DELETE", "users/stranger");
    await changeBroker("DELETE", "policies/%2F/by-hand");
    await changeBroker("DELETE", "queues/%2F/cmc.by.hand");
    await on("bunny2", "ip address del 192.0.2.7/32 dev eth0");
  },
} as const;
