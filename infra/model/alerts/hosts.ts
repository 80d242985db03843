import { certificateExpiry } from "../certificate-metrics.ts";
import type { Alert } from "./alert.ts";

/** Units that node_exporter must report (`--collector.systemd.unit-include`): services without metrics of their own, and all agents. */
export const reportedUnits =
  "(warren-.+|prometheus.*|rabbitmq-server|keepalived|apache2|vsftpd|slapd|ssh)\\.service|ssh\\.socket";

const ownFileSystems = 'job="node",mountpoint!~"/(run|dev|proc|sys|tmp)(/.*)?"';
const services =
  'job="node",state="active",name=~"(rabbitmq-server|keepalived|apache2|vsftpd|slapd|warren-subscriber|warren-page)\\\\.service"';
const logs = "./warren logs -s STACK --host HOST --since 600";

/** Hosts, agents, and the monitor itself. */
export const hostAlerts: readonly Alert[] = [
  {
    name: "TargetDown",
    severity: "ticket",
    forSeconds: 60,
    expression: ({ window }) => `avg_over_time(up[${window(120)}]) < 0.5`,
    summary: "{{ $labels.instance }} does not answer (job {{ $labels.job }})",
    felt: "Nothing by itself: what users notice pages by an alert of its own.",
    step: "host-answers",
    look: [logs],
    remedy:
      "Job `node`: the host is down or cut off. Job `agent`: the agent does not run, or hangs; restart it. Job `rabbitmq`: the broker does not run.",
    why: "Most scrapes of two minutes failed, so a process that dies again and again is found too. A minute more, so that a reboot is no ticket.",
  },
  {
    name: "AgentUnhealthy",
    severity: "ticket",
    forSeconds: 120,
    expression: () => '{__name__=~"warren_[a-z_]+_healthy",job="agent"} == 0',
    summary: "{{ $labels.agent }} on {{ $labels.host }} says that a person has to act",
    felt: "Nothing while another host does the same work.",
    step: "keeps-running",
    look: [logs, "./warren status -s STACK"],
    remedy: "Read the text of its `/health`, which `status` shows: no connection, a wrong password, a full disk.",
    why: "An agent's own judgement (`ok` of `/health`) has the thresholds. Starts and reconnections end within two minutes.",
  },
  {
    name: "AgentRestarts",
    severity: "ticket",
    forSeconds: 0,
    expression: ({ window }) =>
      `sum by (host, name) (increase(node_systemd_service_restart_total{job="node",name=~"warren-.+"}[${window(900)}])) > 3`,
    summary: "{{ $labels.name }} on {{ $labels.host }} dies again and again",
    felt: "Nothing while another host does the same work.",
    step: "keeps-running",
    look: [logs],
    remedy: "Its log's last lines say why: settings that it can't read, a port in use, an uncaught error.",
    why: "systemd counts only restarts after a failure. One may be an accident of its host; four within a quarter of an hour have a cause that stays.",
  },
  {
    name: "UnitDown",
    severity: "ticket",
    forSeconds: 120,
    expression: () => `max by (host, name) (node_systemd_unit_state{${services}}) == 0`,
    summary: "{{ $labels.name }} on {{ $labels.host }} does not run",
    felt: "Nothing while another host does the same work.",
    step: "keeps-running",
    look: [logs],
    remedy: "Start it; `systemctl status` has the reason if it does not start.",
    why: "Restarts take seconds, a broker's start with much data up to two minutes.",
  },
  {
    name: "DiskFillsUp",
    severity: "ticket",
    forSeconds: 300,
    expression: ({ window }) => {
      const available = `node_filesystem_avail_bytes{${ownFileSystems}}`;
      const size = `node_filesystem_size_bytes{${ownFileSystems}}`;
      return `${available} / ${size} < 0.05
or (predict_linear(${available}[${window(21_600)}], 86400) < 0 and ${available} / ${size} < 0.4 and ${available} offset ${window(3600)})`;
    },
    summary: "{{ $labels.mountpoint }} on {{ $labels.host }} is full or will be within a day",
    felt: "Nothing yet. A full disk stops what writes to it.",
    step: "disks-have-room",
    look: [logs],
    remedy: "Remove what fills it, or enlarge it. For a product tree: does what empties it still run?",
    why: "A day leaves the next morning to act. Over 40 % of free space a line through six hours says too little, and so does one through less than an hour, as after an installation; below 5 % no forecast is needed.",
  },
  {
    name: "ClockOff",
    severity: "ticket",
    forSeconds: 60,
    expression: () => 'abs(node_time_seconds{job="node"} - timestamp(node_time_seconds{job="node"})) > 1',
    summary: "The clock of {{ $labels.host }} differs from the monitor's by {{ $value }} s",
    felt: "Nothing. Latency figures and the order of log lines are wrong.",
    step: "clock-is-right",
    look: [logs],
    remedy: "Look at chrony or systemd-timesyncd on the host. If every host is listed, it is the monitor's clock.",
    why: "The target for latency is one second, so a clock that is off by one makes the figure worthless. A scrape takes milliseconds.",
  },
  {
    name: "CertificateExpires",
    severity: "ticket",
    forSeconds: 0,
    expression: () => `${certificateExpiry}{job="node"} - time() < ${14 * 86_400}`,
    summary: "The certificate ({{ $labels.of }}) of {{ $labels.host }} expires within 14 days",
    felt: "Nothing yet. Then no client connects to it any more, and no monitor.",
    step: "",
    look: ["./warren preview -s STACK"],
    remedy:
      "`server`: run `up`, which renews certificates in the last third of their time. `ca`: `./warren rotate ca`, which takes two runs.",
    why: "Each `up` renews in time, so nobody has run it for long. Two weeks leave time to plan a change.",
  },
  {
    name: "JobMissing",
    severity: "ticket",
    forSeconds: 300,
    expression: ({ clusters }) =>
      ["node", "agent", ...(clusters.length > 0 ? ["rabbitmq", "rabbitmq-queues"] : [])]
        .map((job) => `absent(up{job="${job}"})`)
        .join("\nor "),
    summary: "Prometheus has no target of job {{ $labels.job }}",
    felt: "Nothing. Alerts of this job can't fire.",
    step: "",
    look: ["./warren preview -s STACK"],
    remedy: "The files of its targets are missing or empty: `preview` shows what differs, `up` writes them again.",
    why: "Targets come from a file that is there before Prometheus starts; five minutes cover its start.",
  },
  {
    name: "MonitorIsolated",
    severity: "page",
    forSeconds: 60,
    expression: () => 'avg(up{job="node"}) < 0.5',
    summary: "The monitor sees fewer than half of the hosts",
    felt: "Perhaps nothing, perhaps everything: nobody would be notified.",
    step: "host-answers",
    look: ["./warren status -s STACK"],
    remedy: "Run `verify` from another machine. If hosts answer there, repair the monitor's network.",
    why: "No failure of the service takes half of the hosts away; the network does. A page, because no other page can be trusted now.",
  },
  {
    name: "Watchdog",
    severity: "none",
    forSeconds: 0,
    expression: () => "vector(1)",
    summary: "Prometheus and Alertmanager work",
    felt: "Nothing. It always fires; a second place mails when it no longer hears it.",
    step: "",
    look: ["./warren verify -s STACK"],
    remedy:
      "When the second place reports silence: look at the monitor's host, its Prometheus and Alertmanager, and its network.",
    why: "It is always true.",
  },
];
