import {
  endedAgain,
  failing,
  full,
  hung,
  killed,
  type LabFault,
  mode,
  startless,
  stopped,
  withoutBroker,
} from "./fault.ts";

/** Shell that prints the file of the announcer's password: its name depends on the user. */
const announcersPassword =
  "$(sed -n 's/^LoadCredential=[^:]*://p' /etc/systemd/system/warren-announcer.service | head -n 1)";

const keepalivedSignal = (name: string) => `systemctl kill --signal=${name} --kill-whom=all keepalived`;
const rxq = "/apps/px/rxq/pull_urp";

/** Faults on the radar path, in stack `lab`. */
export const radarFaults: readonly LabFault[] = [
  killed("urp-2", "a radar server's plug is pulled"),
  {
    name: "a radar server makes no more products",
    inject: [
      { products: "stop", host: "urp-1" },
      { on: "urp-1", run: "find /apps/px/db -type f -mmin -60 -exec touch -d '1 hour ago' {} +" },
    ],
    heal: [{ products: "go", host: "urp-1" }],
    ...{ host: "urp-1", step: "products-are-made" },
    alert: "SourceSilent",
  },
  stopped("urp-1", "warren-announcer", "announcer-runs", "an announcer is stopped"),
  endedAgain("urp-1", "announcer", "an announcer is killed repeatedly"),
  hung("urp-2", "warren-announcer", "announcer-runs", "an announcer hangs"),
  {
    ...withoutBroker("urp-2", "products-are-announced", "AMQP of a radar server is cut: its spool fills"),
    alert: "Spooling",
  },
  {
    name: "a radar server has a wrong password",
    inject: [
      {
        on: "urp-1",
        run: `f=${announcersPassword}; cp -p "$f" "$f.right" && echo wrong > "$f" && systemctl --no-block restart warren-announcer`,
      },
    ],
    heal: [
      {
        on: "urp-1",
        run: `f=${announcersPassword}; mv "$f.right" "$f" && systemctl --no-block restart warren-announcer`,
      },
    ],
    ...{ host: "urp-1", step: "products-are-announced" },
    alert: "Spooling",
  },
  { ...stopped("urp-1", "apache2", "apache-runs", "a radar server's apache is stopped"), alert: "UnitDown" },
  { ...hung("urp-2", "apache2", "products-are-served", "a radar server's apache hangs", "all"), alert: "FetchesFail" },
  mode(
    "urp-2",
    "/apps/px/db",
    { wrong: "0700", right: "0755" },
    "products-are-served",
    "a product tree can't be read by apache",
  ),
  {
    name: "a broker's disk is almost full",
    inject: [
      {
        on: "bunny1",
        run: "fallocate -l $(($(df --block-size=1 --output=avail / | tail -n 1) - 30000000)) /var/tmp/fill",
      },
    ],
    heal: [{ on: "bunny1", run: "rm /var/tmp/fill" }],
    ...{ host: "bunny1", step: "disks-have-room" },
    alert: "BrokerBlocked",
    alsoPages: ["NoDispatcher", "FlowStopped"],
  },
  {
    ...stopped("bunny1", "rabbitmq-server", "broker-runs", "the broker that holds the virtual IP is stopped"),
    alert: "RedundancyLost",
  },
  { ...hung("bunny2", "rabbitmq-server", "broker-answers", "a broker hangs", "all"), alert: "RedundancyLost" },
  {
    name: "a member's RabbitMQ is stopped, its Erlang runs",
    inject: [{ on: "bunny2", run: "rabbitmqctl -q stop_app" }],
    heal: [{ on: "bunny2", run: "rabbitmqctl -q start_app" }],
    ...{ host: "bunny2", step: "broker-answers", isSlow: true },
    alert: "RedundancyLost",
  },
  {
    name: "members are partitioned",
    inject: [{ lab: "partition", hosts: ["bunny1", "bunny2"] }],
    heal: [{ lab: "healNetwork" }],
    ...{ host: "bunny1", step: "members-are-together", isSlow: true },
    alert: "VirtualIp",
    alsoPages: ["TwoDispatchers"],
  },
  {
    name: "a broker has a memory alarm",
    inject: [{ on: "bunny2", run: "rabbitmqctl -q set_vm_memory_high_watermark 0" }],
    heal: [
      {
        on: "bunny2",
        run: "rabbitmqctl -q eval 'vm_memory_monitor:set_vm_memory_high_watermark(element(2, application:get_env(rabbit, vm_memory_high_watermark))).'",
      },
    ],
    ...{ host: "bunny2", step: "no-alarm", isSlow: true },
    alert: "BrokerBlocked",
    alsoPages: ["NoDispatcher", "FlowStopped"],
  },
  {
    ...stopped("bunny1", "keepalived", "keepalived-runs", "keepalived is stopped: the virtual IP moves"),
    alert: "UnitDown",
  },
  {
    name: "no host holds the virtual IP",
    inject: [
      { on: "bunny2", run: keepalivedSignal("STOP") },
      { on: "bunny1", run: `${keepalivedSignal("STOP")} && ip address del $VIP dev eth0` },
    ],
    heal: [
      { on: "bunny1", run: `${keepalivedSignal("CONT")}; systemctl restart keepalived` },
      { on: "bunny2", run: keepalivedSignal("CONT") },
    ],
    ...{ host: "bunny1", step: "virtual-ip-on-one-host", isSlow: true },
    alert: "VirtualIp",
    alsoPages: ["NoDispatcher", "FlowStopped"],
  },
  {
    name: "two hosts hold the virtual IP",
    inject: [{ on: "bunny2", run: "ip address add $VIP dev eth0" }],
    heal: [{ on: "bunny2", run: "ip address del $VIP dev eth0" }],
    ...{ host: "bunny1", step: "virtual-ip-on-one-host" },
    alert: "VirtualIp",
    alsoPages: ["TwoDispatchers"],
  },
  {
    name: "the virtual IP was moved by hand",
    inject: [{ on: "bunny1", run: "/usr/local/lib/warren/stand-back yes" }],
    heal: [{ on: "bunny1", run: "/usr/local/lib/warren/stand-back no" }],
    ...{ host: "bunny1", step: "on-the-preferred-host", isSlow: true },
    alert: "VirtualIpAway",
  },
  stopped("bunny2", "warren-dispatcher", "dispatcher-runs", "the standby dispatcher is stopped"),
  { ...startless("bunny1", "dispatcher", "the active dispatcher can't start"), isSlow: true },
  {
    ...hung("bunny1", "warren-dispatcher", "dispatcher-runs", "the active dispatcher hangs"),
    alert: "TargetDown",
    alsoPages: ["NoDispatcher", "FlowStopped"],
  },
  {
    name: "a queue has no mirror",
    inject: [
      {
        on: "bunny1",
        run: `rabbitmqctl -q set_policy --apply-to queues --priority 99 fault '^cmc\\.urp\\.input$' '{"ha-mode":"exactly","ha-params":1}'`,
      },
    ],
    heal: [{ on: "bunny1", run: "rabbitmqctl -q clear_policy fault" }],
    ...{ host: "bunny1", step: "queues-are-replicated" },
    alert: { none: "RabbitMQ gives Prometheus no number of mirrors; verify asks the management API" },
  },
  {
    name: "the administrator lacks the tag administrator",
    inject: [{ on: "bunny1", run: "rabbitmqctl -q set_user_tags root" }],
    heal: [{ on: "bunny1", run: "rabbitmqctl -q set_user_tags root administrator" }],
    ...{ host: "bunny1", step: "broker-serves" },
    alert: { none: "products flow; who runs verify or a change notices" },
  },
  {
    name: "sshd is stopped",
    inject: [
      {
        on: "pds-2",
        run: "systemd-run --quiet --collect sh -c 'sleep 2; systemctl stop ssh.socket ssh.service; pkill -x sshd'",
      },
    ],
    heal: [
      { lab: "kill", host: "pds-2" },
      { lab: "boot", host: "pds-2" },
    ],
    ...{ host: "pds-2", step: "host-answers", isSlow: true },
    alert: { none: "the service does not need it; who runs verify or a change notices" },
  },
  {
    // A lab's hosts share the machine's clock, so this fakes the output of `date`.
    name: "a clock is wrong",
    inject: [
      {
        on: "pds-3",
        run: `printf '#!/bin/sh\\nexec /usr/bin/date -d "90 seconds ago" "$@"\\n' > /usr/local/bin/date && chmod 0755 /usr/local/bin/date`,
      },
    ],
    heal: [{ on: "pds-3", run: "rm /usr/local/bin/date" }],
    ...{ host: "pds-3", step: "clock-is-right" },
    alert: { none: "only the program date is wrong here; ClockOff measures the kernel's clock" },
  },
  full("pds-1", rxq, "a puller's disk is full"),
  failing("pds-3", "puller", "a puller can't read its settings"),
  hung("pds-2", "warren-puller", "puller-runs", "a puller hangs"),
  withoutBroker("pds-1", "puller-is-well", "AMQP of one puller is cut"),
  {
    name: "a puller can't write its receiver queue",
    inject: [{ on: "pds-4", run: `chown root:root ${rxq}` }],
    heal: [{ on: "pds-4", run: `chown px:px ${rxq}` }],
    ...{ host: "pds-4", step: "puller-is-well" },
    alert: "AgentUnhealthy",
  },
  {
    name: "a puller can't connect to a radar server",
    inject: [{ block: "pds-5", ports: [80], to: "urp-2", how: "drop" }],
    heal: [{ unblock: "pds-5" }],
    ...{ host: "pds-5", step: "reaches-radar-servers" },
    alert: "FetchesFail",
  },
  {
    name: "an announcement is unreadable: a dead letter",
    inject: [{ announce: "this is no announcement" }],
    heal: [{ on: "bunny1", run: "rabbitmqctl -q purge_queue cmc.urp.dead" }],
    ...{ host: "bunny1", step: "no-dead-letters" },
    alert: "DeadLetters",
  },
];
