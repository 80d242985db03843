import type { Alert } from "./alert.ts";
import { anyOf } from "./scope.ts";

/** RabbitMQ. */
export const brokerAlerts: readonly Alert[] = [
  {
    name: "BrokerBlocked",
    severity: "page",
    forSeconds: 30,
    expression: ({ clusters }) =>
      clusters.length === 0
        ? undefined
        : `max by (cluster) (rabbitmq_alarms_memory_used_watermark{job="rabbitmq"}) == 1
or max by (cluster) (rabbitmq_alarms_free_disk_space_watermark{job="rabbitmq"}) == 1`,
    summary: "Broker {{ $labels.cluster }} accepts no messages: memory or disk alarm",
    felt: "No new product is announced or dispatched. What is in queues is still delivered.",
    step: "no-alarm",
    look: ["./warren status -s STACK"],
    remedy:
      "Disk: remove what fills it, or raise the disk. Memory: see which queue or connection uses it in the management interface. The alarm ends by itself.",
    why: "An alarm of one member stops publishers of all members, so there is no redundancy to grade by. 30 s, because memory alarms of a busy broker may come and go within seconds.",
  },
  {
    name: "RedundancyLost",
    severity: "ticket",
    forSeconds: 120,
    expression: ({ clusters }) => {
      const redundant = clusters.filter(({ members }) => members.length > 1);
      if (redundant.length === 0) return undefined;
      return redundant
        .map(({ name, members: { length } }) => {
          const up = `up{job="rabbitmq",cluster="${name}"} == 1`;
          const peers = `erlang_vm_dist_node_state{job="rabbitmq",cluster="${name}",peer=~"rabbit@.+"} == 3`;
          return `(count by (cluster) (${up}) < ${length})
or (min by (cluster) (count by (cluster, host) (${peers}) or 0 * max by (cluster, host) (${up})) < ${length - 1})`;
        })
        .join("\nor ");
    },
    summary: "Broker {{ $labels.cluster }} runs without one of its members",
    felt: "Nothing. The next failure of a member is felt.",
    step: "members-are-together",
    look: ["./warren status -s STACK", "./warren logs -s STACK --host HOST --since 600"],
    remedy:
      "Start the member that is missing. Members that run and don't see each other are partitioned: repair the network, then see `docs/troubleshooting.md`.",
    why: "A rolling restart takes a member away for less than a minute and sets a silence; two minutes are a failure. If too few members are left to work, FlowStopped pages.",
  },
  {
    name: "NoConsumer",
    severity: "ticket",
    forSeconds: 120,
    expression: ({ consumedQueues }) => {
      if (consumedQueues.length === 0) return undefined;
      const selector = `{job="rabbitmq-queues",queue=~"${anyOf(consumedQueues)}"}`;
      return `sum by (cluster, queue) (rabbitmq_detailed_queue_consumers${selector}) == 0
and sum by (cluster, queue) (rabbitmq_detailed_queue_messages${selector}) > 0`;
    },
    summary: "Queue {{ $labels.queue }} on {{ $labels.cluster }} has messages and no consumer",
    felt: "What this queue is for waits: a standby's ledger, a subscriber's announcements, products.",
    step: "announcements-are-taken",
    look: ["./warren status -s STACK"],
    remedy: "Find the agent of the queue, `verify` names it: stopped, without a connection, or with a wrong password.",
    why: "An agent reconnects within seconds. A queue without messages needs no consumer now.",
  },
];
