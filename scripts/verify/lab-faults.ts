/** One thing that is done to a lab: a command on a host, a fault of the lab's own, or what reaches it from outside. */
export type Act =
  /** Run as root; `$VIP` is the virtual IP. */
  | { readonly on: string; readonly run: string }
  | { readonly lab: "kill" | "boot" | "cut" | "heal"; readonly host: string }
  | { readonly lab: "partition"; readonly hosts: readonly [string, string] }
  | { readonly lab: "healNetwork" }
  /** What a host sends to these ports vanishes (`drop`), or is refused. */
  | {
      readonly block: string;
      readonly ports: readonly number[];
      readonly to?: string;
      readonly how: "drop" | "reject";
    }
  | { readonly unblock: string }
  /** Products come at all times; this host's are left out, or come again. */
  | { readonly products: "stop" | "go"; readonly host: string }
  /** To the exchange and the topic that announcements come by. */
  | { readonly announce: string };

/** A fault made on real hosts, and the link that `./warren verify` has to name first. */
export interface LabFault {
  readonly name: string;
  readonly inject: readonly Act[];
  readonly heal: readonly Act[];
  readonly host: string;
  readonly step: string;
}

const amqpPorts = [5671, 5672] as const;

/** A unit that somebody has stopped. */
export const stopped = (host: string, unit: string, step: string, name: string): LabFault => ({
  ...{ name, host, step },
  inject: [{ on: host, run: `systemctl stop ${unit}` }],
  heal: [{ on: host, run: `systemctl start ${unit}` }],
});

/** A process that hangs; its watchdog would end it in the middle of a look. */
export const hung = (host: string, unit: string, step: string, name: string, whom = "main"): LabFault => ({
  ...{ name, host, step },
  inject: [
    { on: host, run: `systemctl service-watchdogs no && systemctl kill --signal=STOP --kill-whom=${whom} ${unit}` },
  ],
  heal: [
    { on: host, run: `systemctl kill --signal=CONT --kill-whom=${whom} ${unit}; systemctl service-watchdogs yes` },
  ],
});

/** An agent whose settings can't be read: systemd starts it again and again. */
export const failing = (host: string, agent: string, step: string, name: string): LabFault => {
  const file = `/etc/warren/${agent}.json`;
  return {
    ...{ name, host, step },
    inject: [{ on: host, run: `mv ${file} ${file}.away && systemctl --no-block restart warren-${agent}` }],
    heal: [{ on: host, run: `mv ${file}.away ${file} && systemctl --no-block restart warren-${agent}` }],
  };
};

export const withoutBroker = (host: string, step: string, name: string): LabFault => ({
  ...{ name, host, step },
  inject: [{ block: host, ports: amqpPorts, how: "reject" }],
  heal: [{ unblock: host }],
});

/** A file system of its own, full, where a host has to write. */
export const full = (host: string, directory: string, name: string): LabFault => ({
  ...{ name, host, step: "room on its disks" },
  inject: [
    {
      on: host,
      run: `mount -t tmpfs -o size=1m,mode=0755,uid=px,gid=px tmpfs ${directory} && head -c 2m /dev/zero > ${directory}/.fill || true`,
    },
  ],
  heal: [{ on: host, run: `umount -l ${directory}` }],
});

const killed = (host: string, name: string): LabFault => ({
  ...{ name, host, step: "host answers" },
  inject: [{ lab: "kill", host }],
  heal: [{ lab: "boot", host }],
});

const mode = (
  host: string,
  path: string,
  { wrong, right }: { readonly wrong: string; readonly right: string },
  step: string,
  name: string,
): LabFault => ({
  ...{ name, host, step },
  inject: [{ on: host, run: `chmod ${wrong} ${path}` }],
  heal: [{ on: host, run: `chmod ${right} ${path}` }],
});

const keepalivedSignal = (name: string) => `systemctl kill --signal=${name} --kill-whom=all keepalived`;
const rxq = "/apps/px/rxq/pull_urp";

/** On the road from the radar servers to PDS, in stack `lab`. */
export const radarFaults: readonly LabFault[] = [
  killed("urp-2", "a radar server's plug is pulled"),
  {
    name: "a radar server makes nothing any more",
    inject: [
      { products: "stop", host: "urp-1" },
      { on: "urp-1", run: "find /apps/px/db -type f -mmin -60 -exec touch -d '1 hour ago' {} +" },
    ],
    heal: [{ products: "go", host: "urp-1" }],
    ...{ host: "urp-1", step: "products are made" },
  },
  stopped("urp-1", "warren-announcer", "announcer runs", "an announcer is stopped"),
  hung("urp-2", "warren-announcer", "announcer runs", "an announcer hangs"),
  withoutBroker("urp-2", "products are announced", "AMQP of one radar server is cut: its spool fills"),
  {
    name: "one radar server has a wrong password",
    inject: [
      {
        on: "urp-1",
        run: "cd /etc/warren/secrets && cp -p broker-password broker-password.right && echo wrong > broker-password && systemctl --no-block restart warren-announcer",
      },
    ],
    heal: [
      {
        on: "urp-1",
        run: "cd /etc/warren/secrets && mv broker-password.right broker-password && systemctl --no-block restart warren-announcer",
      },
    ],
    ...{ host: "urp-1", step: "products are announced" },
  },
  stopped("urp-1", "apache2", "apache runs", "a radar server's apache is stopped"),
  hung("urp-2", "apache2", "products are served", "a radar server's apache hangs", "all"),
  mode(
    "urp-2",
    "/apps/px/db",
    { wrong: "0700", right: "0755" },
    "products are served",
    "a product tree can't be read by apache",
  ),
  {
    name: "a broker's disk is all but full",
    inject: [
      {
        on: "bunny1",
        run: "fallocate -l $(($(df --block-size=1 --output=avail / | tail -n 1) - 30000000)) /var/tmp/fill",
      },
    ],
    heal: [{ on: "bunny1", run: "rm /var/tmp/fill" }],
    ...{ host: "bunny1", step: "room on its disks" },
  },
  stopped("bunny1", "rabbitmq-server", "broker runs", "the broker that has the virtual IP is stopped"),
  hung("bunny2", "rabbitmq-server", "broker answers", "a broker hangs", "all"),
  {
    name: "a member is stopped, and its Erlang runs",
    inject: [{ on: "bunny2", run: "rabbitmqctl -q stop_app" }],
    heal: [{ on: "bunny2", run: "rabbitmqctl -q start_app" }],
    ...{ host: "bunny2", step: "broker answers" },
  },
  {
    name: "members don't see each other",
    inject: [{ lab: "partition", hosts: ["bunny1", "bunny2"] }],
    heal: [{ lab: "healNetwork" }],
    ...{ host: "bunny1", step: "members are together" },
  },
  {
    name: "a broker has an alarm of memory",
    inject: [{ on: "bunny2", run: "rabbitmqctl -q set_vm_memory_high_watermark 0" }],
    heal: [
      {
        on: "bunny2",
        run: "rabbitmqctl -q eval 'vm_memory_monitor:set_vm_memory_high_watermark(element(2, application:get_env(rabbit, vm_memory_high_watermark))).'",
      },
    ],
    ...{ host: "bunny2", step: "no alarm" },
  },
  stopped("bunny1", "keepalived", "keepalived runs", "keepalived is stopped: the virtual IP moves"),
  {
    name: "nobody has the virtual IP",
    inject: [
      { on: "bunny2", run: keepalivedSignal("STOP") },
      { on: "bunny1", run: `${keepalivedSignal("STOP")} && ip address del $VIP dev eth0` },
    ],
    heal: [
      { on: "bunny1", run: `${keepalivedSignal("CONT")}; systemctl restart keepalived` },
      { on: "bunny2", run: keepalivedSignal("CONT") },
    ],
    ...{ host: "bunny1", step: "the virtual IP is on one host" },
  },
  {
    name: "two have the virtual IP",
    inject: [{ on: "bunny2", run: "ip address add $VIP dev eth0" }],
    heal: [{ on: "bunny2", run: "ip address del $VIP dev eth0" }],
    ...{ host: "bunny1", step: "the virtual IP is on one host" },
  },
  {
    name: "the virtual IP was moved by hand",
    inject: [{ on: "bunny1", run: "/usr/local/lib/warren/stand-back yes" }],
    heal: [{ on: "bunny1", run: "/usr/local/lib/warren/stand-back no" }],
    ...{ host: "bunny1", step: "on the preferred host" },
  },
  stopped("bunny2", "warren-dispatcher", "dispatcher runs", "the standby dispatcher is stopped"),
  hung("bunny1", "warren-dispatcher", "dispatcher runs", "the active dispatcher hangs"),
  {
    name: "a queue has no mirror",
    inject: [
      {
        on: "bunny1",
        run: `rabbitmqctl -q set_policy --apply-to queues --priority 99 fault '^cmc\\.urp\\.input$' '{"ha-mode":"exactly","ha-params":1}'`,
      },
    ],
    heal: [{ on: "bunny1", run: "rabbitmqctl -q clear_policy fault" }],
    ...{ host: "bunny1", step: "queues are replicated" },
  },
  {
    name: "the administrator is no administrator",
    inject: [{ on: "bunny1", run: "rabbitmqctl -q set_user_tags root" }],
    heal: [{ on: "bunny1", run: "rabbitmqctl -q set_user_tags root administrator" }],
    ...{ host: "bunny1", step: "broker serves" },
  },
  {
    name: "sshd is off",
    inject: [
      {
        on: "pds-2",
        run: "systemd-run --quiet --collect sh -c 'systemctl stop ssh.socket ssh.service; pkill -x sshd'",
      },
    ],
    heal: [
      { lab: "kill", host: "pds-2" },
      { lab: "boot", host: "pds-2" },
    ],
    ...{ host: "pds-2", step: "host answers" },
  },
  {
    // Hosts of a lab have the machine's clock: what is wrong is what this one says.
    name: "a clock is off",
    inject: [
      {
        on: "pds-3",
        run: `printf '#!/bin/sh\\nexec /usr/bin/date -d "90 seconds ago" "$@"\\n' > /usr/local/bin/date && chmod 0755 /usr/local/bin/date`,
      },
    ],
    heal: [{ on: "pds-3", run: "rm /usr/local/bin/date" }],
    ...{ host: "pds-3", step: "its clock is right" },
  },
  full("pds-1", rxq, "a puller's disk is full"),
  failing("pds-3", "puller", "puller runs", "a puller can't read its settings"),
  hung("pds-2", "warren-puller", "puller runs", "a puller hangs"),
  withoutBroker("pds-1", "puller is well", "AMQP of one puller is cut"),
  {
    name: "a puller can't write its receiver queue",
    inject: [{ on: "pds-4", run: `chown root:root ${rxq}` }],
    heal: [{ on: "pds-4", run: `chown px:px ${rxq}` }],
    ...{ host: "pds-4", step: "puller is well" },
  },
  {
    name: "a puller doesn't reach a radar server",
    inject: [{ block: "pds-5", ports: [80], to: "urp-2", how: "drop" }],
    heal: [{ unblock: "pds-5" }],
    ...{ host: "pds-5", step: "it reaches the radar servers" },
  },
  {
    name: "an announcement can't be read: a dead letter",
    inject: [{ announce: "this is no announcement" }],
    heal: [{ on: "bunny1", run: "rabbitmqctl -q purge_queue cmc.urp.dead" }],
    ...{ host: "bunny1", step: "no dead letters" },
  },
];

/** On the road from px to the public. */
export const publicFaults: readonly LabFault[] = [
  {
    name: "px's cable is pulled",
    inject: [{ lab: "cut", host: "px-1" }],
    heal: [{ lab: "heal", host: "px-1" }],
    ...{ host: "px-1", step: "host answers" },
  },
  full("px-1", "/apps/px/txq/wxo-b1-oper-dd", "px's disk is full"),
  stopped("px-1", "warren-delivery", "delivery runs", "the sender that delivers is stopped"),
  {
    name: "px's key is refused",
    inject: [{ on: "wxo-b1", run: "mv /etc/warren/authorized_keys/wxofeed /etc/warren/authorized_keys/.away" }],
    heal: [{ on: "wxo-b1", run: "mv /etc/warren/authorized_keys/.away /etc/warren/authorized_keys/wxofeed" }],
    ...{ host: "px-1", step: "the server lets px in" },
  },
  mode(
    "wxo-b1",
    "/apps/dd/public/radar/24_HR_ACCUM/GIF/XSS",
    { wrong: "0555", right: "0775" },
    "products are delivered",
    "the public tree takes no files",
  ),
  hung("px-1", "warren-dd-notify", "dd-notify runs", "the sender that announces hangs"),
  withoutBroker("px-1", "deliveries are announced", "AMQP of px is cut"),
  killed("wxo-b1", "the public server's plug is pulled"),
  stopped("wxo-b1", "rabbitmq-server", "broker runs", "the public broker is stopped"),
  {
    name: "the public broker has an alarm of disk",
    inject: [{ on: "wxo-b1", run: "rabbitmqctl -q set_disk_free_limit 99999GB" }],
    heal: [{ on: "wxo-b1", run: "rabbitmqctl -q set_disk_free_limit 50MB" }],
    ...{ host: "wxo-b1", step: "no alarm" },
  },
  stopped("wxo-b1", "apache2", "apache runs", "the public web server is stopped"),
  mode(
    "wxo-b1",
    "/apps/dd/public/radar",
    { wrong: "0700", right: "0775" },
    "products are served",
    "public products can't be read by apache",
  ),
  stopped("wxo-b1", "warren-watcher", "watcher runs", "the watcher is stopped"),
  failing("wxo-b1", "queue-manager", "queue-manager runs", "the queue manager can't read its settings"),
  stopped("client-1", "warren-subscriber", "subscriber runs", "a client's subscriber is stopped"),
  {
    name: "a client doesn't reach the public server",
    inject: [{ block: "client-1", ports: [80], to: "wxo-b1", how: "drop" }],
    heal: [{ unblock: "client-1" }],
    ...{ host: "client-1", step: "it reaches the public server" },
  },
  withoutBroker("client-1", "announcements are taken", "AMQP of a client is cut"),
  hung("client-1", "warren-subscriber", "products are fetched", "a client's subscriber hangs"),
];
