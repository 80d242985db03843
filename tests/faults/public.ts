import { failing, full, hung, killed, type LabFault, mode, stopped, withoutBroker } from "./fault.ts";

/** Faults on the public data server path. */
export const publicFaults: readonly LabFault[] = [
  {
    name: "px's cable is pulled",
    inject: [{ lab: "cut", host: "px-1" }],
    heal: [{ lab: "heal", host: "px-1" }],
    ...{ host: "px-1", step: "host-answers" },
    alert: { none: "the monitor is on this host: the second place reports that the Watchdog is silent" },
  },
  {
    ...full("px-1", "/apps/px/txq/sftp", "px's disk is full"),
    alert: {
      none: "the full file system is a tmpfs of the test, of which no DiskFillsUp is to warn; the sender has no files",
    },
  },
  {
    ...stopped("px-1", "warren-delivery-sftp", "delivery-runs", "the sender that delivers by SFTP is stopped"),
    alert: "PublicStopped",
  },
  {
    ...failing("px-1", "delivery-ftp", "the sender that delivers by FTP can't read its settings"),
    alert: "PublicStopped",
  },
  {
    name: "px's key is refused",
    inject: [{ on: "wxo-b1", run: "mv /etc/warren/authorized_keys/wxofeed /etc/warren/authorized_keys/.away" }],
    heal: [{ on: "wxo-b1", run: "mv /etc/warren/authorized_keys/.away /etc/warren/authorized_keys/wxofeed" }],
    ...{ host: "px-1", step: "server-lets-px-in" },
    alert: { none: "its connection stays; when it has to log in again, PublicStopped fires" },
  },
  {
    name: "the public tree is read-only",
    inject: [{ on: "wxo-b1", run: "chmod 0555 /apps/dd/public/radar/24_HR_ACCUM/GIF/XSS" }],
    heal: [{ on: "wxo-b1", run: "chmod 0775 /apps/dd/public/radar/24_HR_ACCUM/GIF/XSS" }],
    ...{ host: "px-1", step: "products-are-delivered" },
    alert: "PublicStopped",
  },
  { ...hung("px-1", "warren-dd-notify", "dd-notify-runs", "the sender that announces hangs"), alert: "PublicStopped" },
  { ...withoutBroker("px-1", "deliveries-are-announced", "AMQP of px is cut"), alert: "PublicStopped" },
  {
    ...killed("wxo-b1", "the public server's plug is pulled"),
    isSlow: true,
    alert: "PublicUnserved",
    alsoPages: ["PublicStopped"],
  },
  {
    ...stopped("wxo-b1", "rabbitmq-server", "broker-runs", "the public broker is stopped"),
    isSlow: true,
    alert: "PublicStopped",
  },
  {
    name: "the public broker has a disk alarm",
    inject: [{ on: "wxo-b1", run: "rabbitmqctl -q set_disk_free_limit 99999GB" }],
    heal: [{ on: "wxo-b1", run: "rabbitmqctl -q set_disk_free_limit 50MB" }],
    ...{ host: "wxo-b1", step: "no-alarm", isSlow: true },
    alert: "BrokerBlocked",
    alsoPages: ["PublicStopped"],
  },
  { ...stopped("wxo-b1", "apache2", "apache-runs", "the public web server is stopped"), alert: "PublicUnserved" },
  { ...stopped("wxo-b1", "vsftpd", "ftp-server-runs", "the FTP server is stopped"), alert: "PublicStopped" },
  {
    ...mode(
      "wxo-b1",
      "/apps/dd/public/radar",
      { wrong: "0700", right: "0775" },
      "products-are-served",
      "public products can't be read by apache",
    ),
    alert: { none: "nothing fetches from outside and counts it; verify does" },
  },
  stopped("wxo-b1", "warren-watcher", "watcher-runs", "the watcher is stopped"),
  stopped("wxo-b1", "warren-queue-manager", "queue-manager-runs", "the queue manager is stopped"),
  failing("wxo-b1", "queue-manager", "the queue manager can't read its settings"),
  {
    // Its kernel runs, so it still accepts connections. The delay lets the command return first.
    name: "a client's host hangs: none of its processes runs",
    inject: [{ on: "client-1", run: "systemd-run --quiet --collect sh -c 'sleep 2; kill -STOP -1'" }],
    heal: [
      { lab: "kill", host: "client-1" },
      { lab: "boot", host: "client-1" },
    ],
    ...{ host: "client-1", step: "host-answers", isSlow: true },
    alert: "TargetDown",
  },
  {
    ...stopped("client-1", "warren-subscriber", "subscriber-runs", "a client's subscriber is stopped"),
    alert: "UnitDown",
  },
  {
    name: "a client can't connect to the public server",
    inject: [{ block: "client-1", ports: [80], to: "wxo-b1", how: "drop" }],
    heal: [{ unblock: "client-1" }],
    ...{ host: "client-1", step: "reaches-public-server" },
    alert: { none: "a subscriber has no metrics, and keeps its consumer" },
  },
  {
    ...withoutBroker("client-1", "announcements-are-taken", "AMQP of a client is cut"),
    isSlow: true,
    alert: "NoConsumer",
  },
  {
    ...hung("client-1", "warren-subscriber", "announcements-are-taken", "a client's subscriber hangs"),
    isSlow: true,
    alert: "NoConsumer",
  },
  {
    ...stopped("px-1", "warren-page", "page-is-served", "Apache in front of the live page is stopped"),
    alert: "UnitDown",
  },
  stopped("wxo-b1", "warren-bridge-sr3-posts", "bridges-run", "a bridge is stopped"),
  hung("px-1", "warren-receiver-urls", "receivers-run", "a receiver hangs"),
];
