import { agentSays, away, brokerGone, type Case, dead, nodeSeen, nodesSeenBy, silentAgent, unitIs } from "./cases.ts";
import { hostOf, nowMs, queueOf } from "./fixture.ts";

/** Faults of bunny and PDS. */
export const laterCases: readonly Case[] = [
  {
    title: "a broker's clock is wrong",
    change: (evidence) => {
      hostOf(evidence, "bunny2").nowMs -= 90_000;
    },
    ...{ host: "bunny2", step: "clock-is-right", says: /90 s behind most hosts/, remedy: /timedatectl/ },
  },
  {
    title: "the broker with the virtual IP was stopped",
    change: (evidence) => {
      brokerGone(evidence, "bunny1", "bunny2");
      unitIs(evidence, "bunny1", "rabbitmq-server.service", "inactive", "dead");
    },
    ...{ host: "bunny1", step: "broker-runs", says: /inactive/, remedy: /systemctl start rabbitmq-server/ },
  },
  {
    title: "a broker's disk is full",
    change: (evidence) => {
      brokerGone(evidence, "bunny1", "bunny2");
      hostOf(evidence, "bunny1").disks = [{ mount: "/", usedPercent: 100, freeBytes: 0 }];
      unitIs(evidence, "bunny1", "rabbitmq-server.service", "activating", "auto-restart");
    },
    ...{ host: "bunny1", step: "disks-have-room", says: /0 MB left/, remedy: /du -xhd2/ },
  },
  {
    title: "a broker hangs, and with it the management API of another one",
    change: (evidence) => {
      for (const host of ["bunny1", "bunny2"]) evidence.broker.members[host] = { silent: "no answer within 2 s" };
      hostOf(evidence, "bunny2").amqp = { silent: "no answer in time" };
    },
    ...{ host: "bunny2", step: "broker-answers", says: /no answer in time/, remedy: /restart a node that hangs/ },
  },
  {
    title: "the management of a broker is off",
    change: (evidence) => {
      brokerGone(evidence, "bunny2", "bunny3");
      evidence.broker.members.bunny2 = { silent: "no answer within 2 s" };
    },
    ...{ host: "bunny2", step: "broker-serves", says: /no answer within 2 s/, remedy: /pauses, and continues/ },
  },
  {
    title: "a broker's host is dead",
    change: (evidence) => {
      brokerGone(evidence, "bunny1", "bunny2");
      dead(evidence, "bunny1");
    },
    ...{ host: "bunny1", step: "host-answers", says: /No route/, remedy: /power, link and console/ },
  },
  {
    title: "members are partitioned",
    change: (evidence) => {
      nodeSeen(evidence, "bunny1", "bunny3").partitions = ["rabbit@bunny2"];
    },
    ...{
      host: "bunny3",
      step: "members-are-together",
      says: /partitioned from rabbit@bunny2, according to bunny1/,
      remedy: /heals by itself/,
    },
  },
  {
    title: "a member is down according to the others",
    change: (evidence) => {
      nodeSeen(evidence, "bunny1", "bunny3").running = false;
    },
    ...{
      host: "bunny3",
      step: "members-are-together",
      says: /not running, according to bunny1/,
      remedy: /network between/,
    },
  },
  {
    title: "a member is in a cluster of its own",
    change: (evidence) => {
      evidence.broker.members.bunny3 = {
        nodes: nodesSeenBy(evidence, "bunny3").filter(({ name }) => name.endsWith("bunny3")),
      };
    },
    ...{
      host: "bunny1",
      step: "members-are-together",
      says: /bunny3 doesn't know rabbit@bunny1/,
      remedy: /warren up -s lab4/,
    },
  },
  {
    title: "a broker has a memory alarm",
    change: (evidence) => {
      for (const from of evidence.chain.members) nodeSeen(evidence, from, "bunny1").memoryAlarm = true;
    },
    ...{ host: "bunny1", step: "no-alarm", says: /memory alarm/, remedy: /memory_breakdown/ },
  },
  {
    title: "a broker's disk is low, and announcers are blocked while pullers continue",
    change: (evidence) => {
      for (const from of evidence.chain.members) nodeSeen(evidence, from, "bunny1").diskAlarm = true;
      const text = "500 announced, 251 waiting; broker amqps://10.203.4.50:5671 takes no messages: low on disk";
      for (const urp of evidence.chain.urps) agentSays(evidence, urp, "announcer", false, text, { blocked: true });
    },
    ...{ host: "bunny1", step: "no-alarm", says: /disk alarm/, remedy: /df -h/ },
  },
  {
    title: "keepalived was stopped",
    change: (evidence) => unitIs(evidence, "bunny2", "keepalived.service", "inactive", "dead"),
    ...{ host: "bunny2", step: "keepalived-runs", says: /inactive/, remedy: /systemctl start keepalived/ },
  },
  {
    title: "two hosts hold the virtual IP",
    change: (evidence) => hostOf(evidence, "bunny2").addresses.push("10.203.4.50"),
    ...{
      host: "bunny1",
      step: "virtual-ip-on-one-host",
      says: /bunny1 and bunny2/,
      remedy: /network between them/,
    },
  },
  {
    title: "no host holds the virtual IP, and announcers wait",
    change: (evidence) => {
      hostOf(evidence, "bunny1").addresses = ["10.203.4.21"];
      for (const urp of evidence.chain.urps)
        agentSays(evidence, urp, "announcer", false, "90 waiting; no connection to x: y", away);
      for (const pds of evidence.chain.pdses)
        agentSays(evidence, pds, "puller", false, "9 pulled; no connection to x: y", away);
    },
    ...{ host: "bunny1", step: "virtual-ip-on-one-host", says: /on no host/, remedy: /warren-vip/ },
  },
  {
    title: "the virtual IP was moved by hand",
    change: (evidence) => {
      hostOf(evidence, "bunny1").addresses = ["10.203.4.21"];
      hostOf(evidence, "bunny2").addresses.push("10.203.4.50");
      agentSays(evidence, "bunny1", "dispatcher", true, "standby; connected to x", { state: "standby" });
      agentSays(evidence, "bunny2", "dispatcher", true, "active; connected to x", { state: "active" });
    },
    ...{ host: "bunny1", step: "on-the-preferred-host", says: /on bunny2, not on bunny1/, remedy: /stand-back no/ },
  },
  {
    title: "a dispatcher was stopped",
    change: (evidence) => {
      unitIs(evidence, "bunny3", "warren-dispatcher.service", "inactive", "dead");
      silentAgent(evidence, "bunny3", "dispatcher", "Connection refused");
    },
    ...{ host: "bunny3", step: "dispatcher-runs", says: /inactive/, remedy: /restart warren-dispatcher/ },
  },
  {
    title: "a queue is gone",
    change: (evidence) => delete evidence.broker.queues?.["cmc.urp.pull"],
    ...{ host: "bunny1", step: "queues-are-replicated", says: /no queue cmc.urp.pull/, remedy: /agents declare it/ },
  },
  {
    title: "a replica is behind",
    change: (evidence) => {
      queueOf(evidence, "cmc.urp.input").inStep = ["rabbit@bunny1", "rabbit@bunny2"];
    },
    ...{ host: "bunny1", step: "queues-are-replicated", says: /on bunny3/, remedy: /catches up by itself/ },
  },
  {
    title: "a dispatcher can't write its journal",
    change: (evidence) =>
      agentSays(evidence, "bunny2", "dispatcher", false, "standby; JOURNAL: no space", { state: "standby" }),
    ...{ host: "bunny2", step: "dispatcher-is-well", says: /JOURNAL/, remedy: /--agent dispatcher/ },
  },
  {
    title: "a radar server announces nothing while the other one does",
    change: (evidence) =>
      agentSays(evidence, "bunny1", "dispatcher", false, "active; SILENT: urp-2", {
        state: "active",
        silentSources: ["urp-2"],
      }),
    ...{ host: "bunny1", step: "dispatcher-is-well", says: /urp-2/, remedy: /check part 1/ },
  },
  {
    title: "no dispatcher is active",
    change: (evidence) =>
      agentSays(evidence, "bunny1", "dispatcher", true, "fenced; connected to x", { state: "fenced" }),
    ...{
      host: "bunny1",
      step: "one-dispatcher-is-active",
      says: /no dispatcher is active: bunny1 fenced/,
      remedy: /dispatcher/,
    },
  },
  {
    title: "the input queue is not read",
    change: (evidence) => {
      queueOf(evidence, "cmc.urp.input").consumers = 0;
    },
    ...{ host: "bunny1", step: "announcements-are-dispatched", says: /has no consumer/, remedy: /--agent dispatcher/ },
  },
  {
    title: "a ledger is read and not acked",
    change: (evidence) => {
      Object.assign(queueOf(evidence, "cmc.urp.ledger.bunny2"), { messages: 5000, acknowledged: 0 });
    },
    ...{ host: "bunny2", step: "ledger-is-read", says: /holds 5000: none is acked/, remedy: /df -h/ },
  },
  {
    title: "a puller's host is dead",
    change: (evidence) => dead(evidence, "pds-3"),
    ...{ host: "pds-3", step: "host-answers", says: /No route/, remedy: /console/ },
  },
  {
    title: "a puller's disk is full",
    change: (evidence) => {
      hostOf(evidence, "pds-2").disks.push({ mount: "/apps", usedPercent: 100, freeBytes: 1000 });
      agentSays(evidence, "pds-2", "puller", false, "5 pulled; ENOSPC");
    },
    ...{ host: "pds-2", step: "disks-have-room", says: /\/apps has 0 MB/, remedy: /sudo du|du -xhd2/ },
  },
  {
    title: "a puller was stopped",
    change: (evidence) => {
      unitIs(evidence, "pds-4", "warren-puller.service", "failed", "failed");
      silentAgent(evidence, "pds-4", "puller", "Connection refused");
    },
    ...{ host: "pds-4", step: "puller-runs", says: /failed/, remedy: /pds-4 sudo systemctl restart/ },
  },
  {
    title: "a puller can't write products to their folder",
    change: (evidence) =>
      agentSays(evidence, "pds-1", "puller", false, "5 pulled, 0 dead-lettered; EACCES: permission denied"),
    ...{ host: "pds-1", step: "puller-is-well", says: /EACCES/, remedy: /df -h \/apps\/px\/rxq/ },
  },
  {
    title: "a puller can't reach a radar server",
    change: (evidence) => {
      const [one] = hostOf(evidence, "pds-5").fetches ?? [];
      if (one) one.answer = { silent: "No route to host" };
    },
    ...{
      host: "pds-5",
      step: "reaches-radar-servers",
      says: /urp-1 does not answer/,
      remedy: /ping -c 3 urp-1/,
    },
  },
  {
    title: "a consumer of the pull queue is missing",
    change: (evidence) => {
      queueOf(evidence, "cmc.urp.pull").consumers = 4;
    },
    ...{ host: "bunny1", step: "announcements-are-taken", says: /5 pullers.*4 consumers/, remedy: /--agent puller/ },
  },
  {
    title: "pullers are slower than new announcements",
    change: (evidence) => {
      Object.assign(queueOf(evidence, "cmc.urp.pull"), { messages: 9000, ready: 8995, acknowledged: 10 });
    },
    ...{ host: "bunny1", step: "announcements-are-taken", says: /waits 15 min/, remedy: /slower/ },
  },
  {
    title: "nothing arrives although products are made",
    change: (evidence) => {
      for (const pds of evidence.chain.pdses) hostOf(evidence, pds).placedAtMs = nowMs - 900_000;
    },
    ...{ host: "bunny1", step: "products-are-pulled", says: /last one 15 min ago/, remedy: /--agent puller/ },
  },
  {
    title: "there are dead letters",
    change: (evidence) => {
      queueOf(evidence, "cmc.urp.dead").messages = 3;
    },
    ...{ host: "bunny1", step: "no-dead-letters", says: /holds 3/, remedy: /warren dead list -s lab4/ },
  },
];
