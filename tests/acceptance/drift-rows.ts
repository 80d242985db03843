import { passwordOf } from "../../infra/config/index.ts";
import { callBroker } from "./broker.ts";
import { on, stackConfig } from "./subject.ts";

/** A manual change, the preview's report of it, and the resources that repair it. */
export interface DriftRow {
  /** Host or cluster. */
  readonly where: string;
  readonly change: () => Promise<unknown>;
  /** The thing that has drifted, and the difference or a part of it. */
  readonly reported: Reported;
  /** Names of the resources that up changes for it. */
  readonly repairedBy: readonly string[];
  /** Only for clusters that mirror queues by policy: others have no policy. */
  readonly mirrored?: boolean;
}

type Reported = readonly [thing: string, difference: string | RegExp];

const cli = "runuser -u rabbitmq -- env --chdir=/var/lib/rabbitmq HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin";
export const ctl = (host: string, ...orders: readonly string[]): Promise<unknown> =>
  on(host, orders.map((order) => `${cli}/rabbitmqctl --quiet ${order}`).join(" && "));

/** @param also other resources that up changes with the thing itself */
const row = (
  where: string,
  change: () => Promise<unknown>,
  reported: Reported,
  ...also: readonly string[]
): DriftRow => ({
  ...{ where, change, reported },
  repairedBy: [reported[0], ...also].map((thing) => `${where} ${thing}`),
});
const onHost = (host: string, script: string, reported: Reported, ...also: readonly string[]) =>
  row(host, () => on(host, script), reported, ...also);
const inBroker = (...[method, path, ...rest]: Parameters<typeof callBroker>) => ({
  reported: (...[reported, ...also]: [Reported, ...string[]]) =>
    row(rest[1] ?? "bunny", () => callBroker(method, path, ...rest), reported, ...also),
});

const oldVersion = "/^Package: keepalived$/,/^$/s/^Version: .*/Version: 1:2.0.0-1/";
const mirroring = {
  pattern: "^cmc\\.",
  "apply-to": "queues",
  definition: { "ha-mode": "all", "ha-sync-mode": "automatic" },
};
const setFeeder = async () => {
  const password = passwordOf(await stackConfig(), "feeder");
  return callBroker("PUT", "users/feeder", { password, tags: "management" });
};

/** Changes that can be combined. */
export const rows: readonly DriftRow[] = [
  onHost(
    "bunny2",
    "echo '# by hand' >> /etc/keepalived/keepalived.conf",
    ["/etc/keepalived/keepalived.conf", "content differs"],
    "keepalived.service",
  ),
  onHost("bunny2", "rm /etc/apt/preferences.d/warren", ["/etc/apt/preferences.d/warren", "is missing"]),
  onHost("bunny2", `sed -i '${oldVersion}' /var/lib/dpkg/status`, [
    "packages",
    /keepalived 1:2\.0\.0-1 instead of 1:2\./,
  ]),
  onHost("bunny2", "apt-mark unhold keepalived", ["packages", "keepalived is not held"]),
  onHost("bunny2", "systemctl disable warren-dispatcher.service", [
    "warren-dispatcher.service",
    "is disabled instead of enabled",
  ]),
  onHost(
    "bunny2",
    `${cli}/rabbitmq-plugins --quiet disable rabbitmq_management`,
    ["/etc/rabbitmq/enabled_plugins", "content differs"],
    "rabbitmq-server.service",
    "member of bunny",
  ),
  onHost("urp-1", "chmod 0600 /etc/hosts", ["/etc/hosts", "mode 0600 instead of 0644"]),
  onHost(
    "urp-1",
    "chgrp adm /etc/warren/announcer.json",
    ["/etc/warren/announcer.json", "owner root:adm instead of root:root"],
    "warren-announcer.service",
  ),
  onHost("urp-1", "dpkg --remove --force-depends inotify-tools", ["packages", "inotify-tools is not installed"]),
  onHost("urp-1", "systemctl stop apache2.service", ["apache2.service", "is inactive instead of active"]),
  onHost("urp-1", "systemctl mask apache2.service", ["apache2.service", "is masked instead of enabled"]),
  onHost(
    "px-1",
    "sed -i s/775/600/ /etc/warren/delivery-sftp.json",
    ["/etc/warren/delivery-sftp.json", "content differs"],
    "warren-delivery-sftp.service",
  ),
  onHost(
    "wxo-b1",
    "rm /etc/ssh/sshd_config.d/warren-delivery.conf",
    ["/etc/ssh/sshd_config.d/warren-delivery.conf", "is missing"],
    "ssh.service",
  ),
  onHost("client-1", "systemctl stop warren-subscriber", [
    "warren-subscriber.service",
    "is inactive instead of active",
  ]),
  row("bunny", setFeeder, ["user feeder", "tags [management] instead of []"]),
  inBroker("PUT", "users/guest", { password: "somebody-elses", tags: "" }).reported([
    "user guest",
    "the password differs",
  ]),
  inBroker("DELETE", "users/anonymous").reported(["user anonymous", "is gone"], "permissions of anonymous"),
  inBroker("PUT", "permissions/%2F/feeder", { configure: ".*", write: ".*", read: ".*|x" }).reported([
    "permissions of feeder",
    'read ".*|x" instead of ".*"',
  ]),
  inBroker("DELETE", "exchanges/%2F/xpublic").reported(["exchange xpublic", "is gone"]),
  {
    ...inBroker("PUT", "policies/%2F/ha-all", { ...mirroring, priority: 3 }).reported([
      "policy ha-all",
      "priority 3 instead of 0",
    ]),
    mirrored: true,
  },
  // The user that is gone, too, has no limits.
  row("bunny1", () => callBroker("DELETE", "vhost-limits/%2F/max-queues"), [
    "limits of bunny",
    /limits of vhost \/ \{\} instead of \{"max-queues":\d+\}; limits of user anonymous/,
  ]),
  inBroker("DELETE", "operator-policies/%2F/outsiders", undefined, "wxo-b1").reported([
    "operator policy outsiders",
    "is gone",
  ]),
];

/** Made alone: each agent checks its queues every half minute and binds them again. */
export const bindingGone: DriftRow = {
  where: "bunny1",
  change: () => callBroker("DELETE", "bindings/%2F/e/cmc/q/cmc.urp.pull/v00.urp.notify.%23"),
  reported: ["warren-dispatcher.service", "binding of cmc.urp.pull to cmc: key v00.urp.notify.# is gone"],
  repairedBy: ["bunny1 warren-dispatcher.service"],
};

/** Changes that can't be combined with `rows`. */
export const furtherRows = (address: string): readonly DriftRow[] => [
  // Not followed by start_app: the member would rejoin without a repair.
  row(
    "bunny2",
    () => ctl("bunny2", "stop_app", "reset"),
    ["member of bunny", "is not a member"],
    "rabbitmq-server.service",
  ),
  { ...inBroker("DELETE", "policies/%2F/ha-all").reported(["policy ha-all", "is gone"]), mirrored: true },
  row("bunny", async () => {
    await callBroker("DELETE", "exchanges/%2F/xpublic");
    await callBroker("PUT", "exchanges/%2F/xpublic", { type: "fanout", durable: true });
  }, ["exchange xpublic", "type fanout instead of topic"]),
  // Stopped by a signal, not ended: a working keepalived would add the address again.
  row("bunny1", async () => {
    for (const host of ["bunny1", "bunny2"]) await on(host, "systemctl kill --signal=STOP keepalived.service");
    for (const host of ["bunny1", "bunny2"])
      await on(host, `ip address del ${address}/32 dev eth0 2>/dev/null || true`);
  }, ["keepalived.service", `${address} is on no host`]),
];

/** Objects that are not in the model: reported, but not changed. */
export const strangers = {
  change: () =>
    Promise.all([
      callBroker("PUT", "users/stranger", { password: "of-a-stranger", tags: "monitoring" }),
      callBroker("PUT", "policies/%2F/by-hand", { pattern: "^by-hand", definition: { "max-length": 9 } }),
      callBroker("PUT", "queues/%2F/cmc.by.hand", { durable: true }),
      on("bunny2", "ip address add 192.0.2.7/32 dev eth0"),
    ]),
  reported: [
    "user stranger [monitoring]",
    "policy by-hand on all ^by-hand",
    "queue cmc.by.hand",
    "address 192.0.2.7 on bunny2",
  ],
  remove: () =>
    Promise.all([
      callBroker("DELETE", "users/stranger"),
      callBroker("DELETE", "policies/%2F/by-hand"),
      callBroker("DELETE", "queues/%2F/cmc.by.hand"),
      on("bunny2", "ip address del 192.0.2.7/32 dev eth0"),
    ]),
} as const;
