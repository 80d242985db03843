import { renderAmqpCheck, renderKeepalivedConf, type VrrpInstance } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import type { StackConfig } from "../config/index.ts";
import { brokerEndFiles } from "./broker-end.ts";
import { isDispatcherHost } from "./dispatchers.ts";
import { rootFile } from "./files.ts";
import { keepalivedUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { standBackFile } from "./stand-back.ts";
import { scriptAccount, stateFiles, stateFolders } from "./vrrp-state.ts";
import { vrrpWatch } from "./vrrp-watch.ts";

/** Debian's own of each release. */
const packageVersions = { bookworm: "1:2.2.*", trixie: "1:2.3.*" } as const;

/**
 * Not as root: keepalived 2.2.7 looks at scripts with their user's rights, then ends itself because it takes the shell for a
 * lost parent (exit code 143, whatever the file says).
 */
const configTest = ["runuser", "-u", scriptAccount.name, "--", "keepalived", "--config-test", "--use-file", candidate];

/** The virtual IPs that this host may hold: what watches them, and what tells keepalived of its broker. */
export function keepalivedPart({ config, host }: PartContext): HostPart {
  const instances = instancesOf(config, host);
  const broker = Object.values(config.brokers).find((one) => one.members.includes(host));
  const release = config.hosts[host]?.release;
  if (instances.length === 0 || !broker || !release) return {};
  const check = rootFile("/usr/local/lib/warren/amqp-check", renderAmqpCheck({}), { mode: "0755" });
  const conf = rootFile(
    "/etc/keepalived/keepalived.conf",
    renderKeepalivedConf({ host, port: broker.port, instances, ...stateFiles }),
    { order: "after-packages", validate: configTest },
  );
  const watch = vrrpWatch(instances);
  const ends = brokerEndFiles();
  return {
    accounts: [scriptAccount],
    directories: stateFolders,
    files: [check, standBackFile(), ...ends, conf, ...watch.files],
    // Held, as the broker is: whatever restarts it moves the address.
    packages: [{ name: "keepalived", series: packageVersions[release] }],
    units: [
      watch.unit,
      {
        name: keepalivedUnit,
        onChange: "reload",
        reads: [check, ...ends, conf].map((file) => file.path),
        after: [
          // Its FIFO is there first.
          watch.unit.name,
          // The better host first: it takes the address at once, and nothing has to move right after the start.
          ...betterHosts(config.virtualIps, host).map((better) => `${better} ${keepalivedUnit}`),
        ],
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}

function instancesOf(config: StackConfig, host: string): VrrpInstance[] {
  const dispatched = isDispatcherHost(config, host)
    ? config.brokers[config.announcements.broker]?.virtualIp
    : undefined;
  return Object.entries(config.virtualIps).flatMap(([name, vip]) => {
    const priority = vip.priorities[host];
    if (priority === undefined) return [];
    const addressOf = (other: string) => config.hosts[other]?.address ?? other;
    const peers = Object.keys(vip.priorities).filter((other) => other !== host);
    const rank = 1 + Object.values(vip.priorities).filter((other) => other < priority).length;
    return [
      {
        ...vip,
        name,
        priority,
        source: addressOf(host),
        peers: peers.map(addressOf),
        // Unhealthy hosts have priorities 1, 2, … in their old order: below every healthy one, and no fault. Where all are unhealthy
        // the best of them serves.
        // A weight of 0 would be a fault.
        unhealthyLoss: Math.max(1, priority - rank),
        dispatched: name === dispatched,
      },
    ];
  });
}

/** Hosts that have a higher priority than this one for an address that both may hold, and for none a lower one. */
function betterHosts(virtualIps: StackConfig["virtualIps"], host: string): string[] {
  const shared = Object.values(virtualIps).filter((vip) => vip.priorities[host] !== undefined);
  const others = new Set(shared.flatMap((vip) => Object.keys(vip.priorities)));
  const isBetter = (other: string) => shared.every((vip) => (vip.priorities[other] ?? 0) > (vip.priorities[host] ?? 0));
  return [...others].filter((other) => other !== host && isBetter(other));
}
