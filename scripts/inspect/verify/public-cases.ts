import type { Evidence } from "../snapshot/evidence.ts";
import { agentSays, away, type Case, dead, silentAgent, unitIs } from "./cases.ts";
import { type Draft, hostOf, nowMs } from "./fixture.ts";

const queue = ({ publicBrokers }: Draft<Evidence>) => {
  const found = publicBrokers["wxo-b1"]?.queues?.["q_anonymous.client-1"];
  if (!found) throw new TypeError("no queue of the client");
  return found;
};
const node = ({ publicBrokers }: Draft<Evidence>) => {
  const view = publicBrokers["wxo-b1"]?.members["wxo-b1"];
  const [found] = view && "nodes" in view ? view.nodes : [];
  if (!found) throw new TypeError("wxo-b1 is silent");
  return found;
};
const silence = ({ publicBrokers }: Draft<Evidence>, why: string) => {
  const publicBroker = publicBrokers["wxo-b1"];
  if (!publicBroker) throw new TypeError("no public broker");
  publicBroker.members = { "wxo-b1": { silent: why } };
  delete (publicBroker as { queues?: unknown }).queues;
};
const waiting = (evidence: Draft<Evidence>, agent: string, files: number, seconds: number) => {
  const { txqs } = hostOf(evidence, "px-1");
  if (txqs) txqs[agent] = { files, oldestMs: nowMs - seconds * 1000, aside: 0 };
};
const notConnected = "9 waiting; no connection to amqp://10.203.0.61:5672: connect ECONNREFUSED";
const notDelivering =
  "9 delivered, 4 waiting, 0 set aside; not connected to sftp://wxofeed@wxo-b1:22: connect ECONNREFUSED";

/** Faults of the public data server path. */
export const publicCases: readonly Case[] = (
  [
    {
      title: "the sender that delivers was stopped",
      change: (evidence) => {
        unitIs(evidence, "px-1", "warren-delivery-sftp.service", "inactive", "dead");
        silentAgent(evidence, "px-1", "delivery-sftp", "Connection refused");
        waiting(evidence, "delivery-sftp", 200, 300);
      },
      ...{ host: "px-1", step: "delivery-runs", says: /inactive/, remedy: /restart warren-delivery-sftp/ },
    },
    {
      title: "one of several senders was stopped",
      change: (evidence) => {
        unitIs(evidence, "px-1", "warren-delivery-ftp.service", "inactive", "dead");
        silentAgent(evidence, "px-1", "delivery-ftp", "Connection refused");
      },
      ...{ host: "px-1", step: "delivery-runs", says: /delivery-ftp.*inactive/, remedy: /restart warren-delivery-ftp/ },
    },
    {
      title: "the broker's MQTT plugin was disabled",
      stack: "lab4",
      change: (evidence) => {
        hostOf(evidence, "wxo-b1").mqtt = { silent: "Connection refused" };
      },
      ...{ host: "wxo-b1", step: "mqtt-is-served", says: /port 8883.*refused/, remedy: /enable rabbitmq_mqtt/ },
    },
    {
      title: "px's password is refused",
      change: (evidence) => {
        waiting(evidence, "delivery-ftp", 4, 9);
        const text =
          "9 delivered, 4 waiting, 0 set aside; not connected to ftp://wxofeed@wxo-b1:21: doesn't let wxofeed in";
        agentSays(evidence, "px-1", "delivery-ftp", false, text);
      },
      ...{
        host: "px-1",
        step: "products-are-delivered",
        says: /delivery-ftp: 4 files waiting.*doesn't let wxofeed in/,
        remedy: /--agent delivery-ftp/,
      },
    },
    {
      title: "px's key is refused",
      change: (evidence) => {
        hostOf(evidence, "px-1").logins = { "wxo-b1": { silent: "wxofeed@wxo-b1: Permission denied (publickey)." } };
      },
      ...{ host: "px-1", step: "server-lets-px-in", says: /Permission denied/, remedy: /warren up -s lab/ },
    },
    {
      title: "the server's disk accepts no files",
      change: (evidence) => {
        waiting(evidence, "delivery-sftp", 4, 9);
        const text = "9 delivered, 4 waiting, 0 set aside; connected to sftp://wxofeed@wxo-b1:22; 4 held: Failure";
        agentSays(evidence, "px-1", "delivery-sftp", false, text);
      },
      ...{
        host: "px-1",
        step: "products-are-delivered",
        says: /4 files waiting.*held: Failure/,
        remedy: /--agent delivery-sftp/,
      },
    },
    {
      title: "files wait for minutes without any error",
      change: (evidence) => waiting(evidence, "delivery-sftp", 4, 300),
      ...{ host: "px-1", step: "products-are-delivered", says: /oldest for 5 min/, remedy: /--agent delivery-sftp/ },
    },
    {
      title: "the sender that announces hangs",
      change: (evidence) => silentAgent(evidence, "px-1", "dd-notify", "no answer in time"),
      ...{ host: "px-1", step: "dd-notify-runs", says: /doesn't answer on port 9105/, remedy: /it hangs/ },
    },
    {
      title: "the sender that announces can't reach a healthy broker",
      change: (evidence) => agentSays(evidence, "px-1", "dd-notify", false, notConnected, away),
      ...{
        host: "px-1",
        step: "deliveries-are-announced",
        says: /ECONNREFUSED/,
        remedy: /the network from px-1 to wxo-b1/,
      },
    },
    {
      title: "files were set aside",
      change: (evidence) => {
        const { txqs } = hostOf(evidence, "px-1");
        if (txqs?.["dd-notify"]) txqs["dd-notify"].aside = 3;
      },
      ...{ host: "px-1", step: "nothing-is-put-aside", says: /3 files/, remedy: /ls -R/ },
    },
    {
      title: "the public server's host is dead, and px waits for it",
      change: (evidence) => {
        dead(evidence, "wxo-b1");
        silence(evidence, "connect EHOSTUNREACH");
        hostOf(evidence, "px-1").logins = { "wxo-b1": { silent: "No route to host" } };
        waiting(evidence, "delivery-sftp", 4, 9);
        agentSays(evidence, "px-1", "delivery-sftp", false, notDelivering, away);
        agentSays(evidence, "px-1", "dd-notify", false, notConnected, away);
      },
      ...{ host: "wxo-b1", step: "host-answers", says: /No route/, remedy: /console/ },
    },
    {
      title: "the public broker was stopped, and px waits for it",
      change: (evidence) => {
        unitIs(evidence, "wxo-b1", "rabbitmq-server.service", "inactive", "dead");
        silence(evidence, "connect ECONNREFUSED");
        agentSays(evidence, "px-1", "dd-notify", false, notConnected, away);
        agentSays(evidence, "wxo-b1", "watcher", false, notConnected, away);
      },
      ...{ host: "wxo-b1", step: "broker-runs", says: /inactive/, remedy: /start rabbitmq-server/ },
    },
    {
      title: "the public broker hangs",
      change: (evidence) => silence(evidence, "no answer within 2 s"),
      ...{ host: "wxo-b1", step: "broker-serves", says: /no answer within 2 s/, remedy: /restart a node that hangs/ },
    },
    {
      title: "the public broker has a disk alarm",
      change: (evidence) => {
        node(evidence).diskAlarm = true;
      },
      ...{ host: "wxo-b1", step: "no-alarm", says: /disk alarm/, remedy: /df -h/ },
    },
    {
      title: "the public web server was stopped",
      change: (evidence) => {
        unitIs(evidence, "wxo-b1", "apache2.service", "inactive", "dead");
        for (const host of ["wxo-b1", "client-1"])
          for (const fetch of hostOf(evidence, host).fetches ?? []) fetch.answer = { silent: "Connection refused" };
      },
      ...{ host: "wxo-b1", step: "apache-runs", says: /inactive/, remedy: /start apache2/ },
    },
    {
      title: "the FTP server was stopped, and px waits for it",
      change: (evidence) => {
        unitIs(evidence, "wxo-b1", "vsftpd.service", "failed", "failed");
        waiting(evidence, "delivery-ftp", 4, 9);
        agentSays(evidence, "px-1", "delivery-ftp", false, notDelivering, away);
      },
      ...{ host: "wxo-b1", step: "ftp-server-runs", says: /failed/, remedy: /start vsftpd/ },
    },
    {
      title: "public products can't be read by the web server",
      change: (evidence) => {
        for (const fetch of hostOf(evidence, "wxo-b1").fetches ?? [])
          fetch.answer = { status: 403, bytes: 9, body: "" };
      },
      ...{ host: "wxo-b1", step: "products-are-served", says: /answers 403/, remedy: /error.log/ },
    },
    {
      title: "the watcher was stopped",
      change: (evidence) => {
        unitIs(evidence, "wxo-b1", "warren-watcher.service", "failed", "failed");
        silentAgent(evidence, "wxo-b1", "watcher", "Connection refused");
      },
      ...{ host: "wxo-b1", step: "watcher-runs", says: /failed/, remedy: /restart warren-watcher/ },
    },
    {
      title: "the watcher can't watch",
      change: (evidence) => agentSays(evidence, "wxo-b1", "watcher", false, "too many watches"),
      ...{ host: "wxo-b1", step: "watcher-is-well", says: /too many watches/, remedy: /--agent watcher/ },
    },
    {
      title: "the queue manager was stopped",
      change: (evidence) => {
        unitIs(evidence, "wxo-b1", "warren-queue-manager.service", "inactive", "dead");
        silentAgent(evidence, "wxo-b1", "queue-manager", "Connection refused");
      },
      ...{ host: "wxo-b1", step: "queue-manager-runs", says: /inactive/, remedy: /restart warren-queue-manager/ },
    },
    {
      title: "the queue manager is refused",
      change: (evidence) => agentSays(evidence, "wxo-b1", "queue-manager", false, "no queues; answers 401"),
      ...{ host: "wxo-b1", step: "queue-manager-is-well", says: /401/, remedy: /--agent queue-manager/ },
    },
    {
      title: "an external client's queue is too long",
      change: (evidence) => {
        const { queues } = evidence.publicBrokers["wxo-b1"] ?? {};
        if (queues) queues["cmc.x"] = { ...queue(evidence), name: "cmc.x", messages: 30_000, consumers: 0 };
      },
      ...{
        host: "wxo-b1",
        step: "client-queues-are-short",
        says: /cmc\.x with 30000, more than 25000/,
        remedy: /--agent queue-manager/,
      },
    },
    {
      title: "a subscriber was stopped",
      change: (evidence) => {
        unitIs(evidence, "client-1", "warren-subscriber.service", "inactive", "dead");
        queue(evidence).consumers = 0;
      },
      ...{ host: "client-1", step: "subscriber-runs", says: /inactive/, remedy: /start warren-subscriber/ },
    },
    {
      title: "a client can't reach the web server",
      change: (evidence) => {
        for (const fetch of hostOf(evidence, "client-1").fetches ?? []) fetch.answer = { silent: "no answer in time" };
      },
      ...{
        host: "client-1",
        step: "reaches-public-server",
        says: /wxo-b1 does not answer/,
        remedy: /ping -c 3 wxo-b1/,
      },
    },
    {
      title: "a bridge was stopped",
      change: (evidence) => {
        unitIs(evidence, "wxo-b1", "warren-bridge-sr3-posts.service", "inactive", "dead");
        silentAgent(evidence, "wxo-b1", "bridge-sr3-posts", "Connection refused");
      },
      ...{ host: "wxo-b1", step: "bridges-run", says: /inactive/, remedy: /restart warren-bridge-sr3-posts/ },
    },
    {
      title: "a bridge has no connection to a healthy broker",
      change: (evidence) => agentSays(evidence, "wxo-b1", "bridge-sr3-posts", false, notConnected, away),
      ...{ host: "wxo-b1", step: "bridges-are-well", says: /ECONNREFUSED/, remedy: /--agent bridge-sr3-posts/ },
    },
    {
      title: "a receiver hangs",
      change: (evidence) => silentAgent(evidence, "px-1", "receiver-urls", "no answer in time"),
      ...{ host: "px-1", step: "receivers-run", says: /doesn't answer on port 9130/, remedy: /it hangs/ },
    },
    {
      title: "a receiver can't write",
      change: (evidence) => agentSays(evidence, "px-1", "receiver-urls", false, "0 received; EROFS"),
      ...{ host: "px-1", step: "receivers-are-well", says: /EROFS/, remedy: /--agent receiver-urls/ },
    },
    {
      title: "a subscriber is not connected",
      change: (evidence) => {
        queue(evidence).consumers = 0;
      },
      ...{ host: "client-1", step: "announcements-are-taken", says: /has no connection/, remedy: /--agent subscriber/ },
    },
    {
      title: "a subscriber hangs",
      change: (evidence) => {
        hostOf(evidence, "client-1").fetchedAtMs = nowMs - 80_000;
      },
      ...{ host: "client-1", step: "products-are-fetched", says: /last fetch was 60 s before/, remedy: /hangs/ },
    },
    {
      title: "a monitor's Prometheus was stopped",
      change: (evidence) => unitIs(evidence, "px-1", "prometheus.service", "inactive", "dead"),
      ...{ host: "px-1", step: "prometheus-runs", says: /inactive/, remedy: /systemctl start prometheus/ },
    },
    {
      title: "a monitor's Alertmanager was stopped",
      change: (evidence) => unitIs(evidence, "px-1", "prometheus-alertmanager.service", "failed", "failed"),
      ...{ host: "px-1", step: "alertmanager-runs", says: /failed/, remedy: /journalctl -u prometheus-alertmanager/ },
    },
    {
      title: "Apache in front of the live page exits",
      change: (evidence) => unitIs(evidence, "px-1", "warren-page.service", "activating", "auto-restart"),
      ...{ host: "px-1", step: "page-is-served", says: /auto-restart/, remedy: /journalctl -u warren-page/ },
    },
    {
      title: "an auditor hangs",
      change: (evidence) => silentAgent(evidence, "px-1", "auditor", "no answer in time"),
      ...{ host: "px-1", step: "auditor-runs", says: /doesn't answer on port 9108/, remedy: /it hangs/ },
    },
    {
      title: "an auditor's disk accepts nothing",
      change: (evidence) => agentSays(evidence, "px-1", "auditor", false, "its store accepts nothing: disk full"),
      ...{ host: "px-1", step: "auditor-is-well", says: /accepts nothing/, remedy: /--agent auditor/ },
    },
  ] satisfies Case[]
).map((one) => ({ stack: "lab", ...one }));
