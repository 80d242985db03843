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

/** The package versions of each Debian release. */
const packageVersions = { bookworm: "1:2.2.*", trixie: "1:2.3.*" } as const;

/**
 * Not as root: keepalived 2.2.7 runs script checks with the script user's rights, then exits because it mistakes the shell for a lost parent (exit
 * code 143, whatever the file contains).
 */
const configTest = ["runuser", "-u", scriptAccount.name, "--", "keepalived", "--config-test", "--use-file", candidate];

/** keepalived for the virtual IPs that this host can hold, with their watch and the files that inform keepalived of its broker. */
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
  const ends = brokerEndFiles(broker);
  return {
    accounts: [scriptAccount],
    directories: stateFolders,
    files: [check, standBackFile(), ...ends, conf, ...watch.files],
    // Held like the broker, because every restart moves the address.
    packages: [{ name: "keepalived", series: packageVersions[release] }],
    units: [
      watch.unit,
      {
        name: keepalivedUnit,
        onChange: "reload",
        reads: [check, ...ends, conf].map((file) => file.path),
        after: [
          // Creates keepalived's FIFO.
          watch.unit.name,
          // The host with the higher priority first: it claims the address at once, so that nothing moves right after the start.
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
        vrrp2: vip.vrrp2 ?? false,
        name,
        priority,
        source: addressOf(host),
        peers: peers.map(addressOf),
        // Unhealthy hosts get priorities 1, 2, … in their previous order: below every healthy host, but not in state FAULT. If all hosts are
        // unhealthy, the best of them serves. A weight of 0 would mean FAULT.
        unhealthyLoss: Math.max(1, priority - rank),
        dispatched: name === dispatched,
      },
    ];
  });
}

/** Hosts whose priority is higher than this host's for every virtual IP of this host. */
function betterHosts(virtualIps: StackConfig["virtualIps"], host: string): string[] {
  const shared = Object.values(virtualIps).filter((vip) => vip.priorities[host] !== undefined);
  const others = new Set(shared.flatMap((vip) => Object.keys(vip.priorities)));
  const isBetter = (other: string) => shared.every((vip) => (vip.priorities[other] ?? 0) > (vip.priorities[host] ?? 0));
  return [...others].filter((other) => other !== host && isBetter(other));
}
