import { renderAmqpCheck, renderKeepalivedConf, type VrrpInstance } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import type { StackConfig } from "../config/index.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";

/** Scripts that run as root must not be writable by others; this one runs as nobody in particular. */
const scriptAccount = { name: "keepalived_script", home: "/nonexistent" };

/** Debian's own of each release. */
const packageVersions = { bookworm: "1:2.2.*", trixie: "1:2.3.*" } as const;

/**
 * Not as root: keepalived 2.2.7 looks at scripts with their user's rights, then ends itself because it takes the shell for a
 * lost parent (exit code 143, whatever the file says).
 */
const configTest = ["runuser", "-u", scriptAccount.name, "--", "keepalived", "--config-test", "--use-file", candidate];

/** The virtual IPs that this host may hold, with the check that its broker speaks AMQP. */
export function keepalivedPart({ config, host }: PartContext): HostPart {
  const instances: VrrpInstance[] = Object.entries(config.virtualIps).flatMap(([name, vip]) => {
    const priority = vip.priorities[host];
    if (priority === undefined) return [];
    const addressOf = (other: string) => config.hosts[other]?.address ?? other;
    const peers = Object.keys(vip.priorities).filter((other) => other !== host);
    return [{ ...vip, name, priority, source: addressOf(host), peers: peers.map(addressOf) }];
  });
  if (instances.length === 0) return {};
  const broker = Object.values(config.brokers).find((one) => one.members.includes(host));
  const check = rootFile("/usr/local/lib/warren/amqp-check", renderAmqpCheck({}), { mode: "0755" });
  const conf = rootFile(
    "/etc/keepalived/keepalived.conf",
    renderKeepalivedConf({ host, port: broker?.port ?? 5672, instances }),
    { order: "after-packages", validate: configTest },
  );
  return {
    accounts: [scriptAccount],
    files: [check, conf],
    // Held, as the broker is: whatever restarts it moves the address.
    packages: [{ name: "keepalived", series: packageVersions[config.hosts[host]?.release ?? "bookworm"] }],
    units: [
      {
        name: "keepalived.service",
        onChange: "reload",
        reads: [check.path, conf.path],
        // The better host first: it takes the address at once, and nothing has to move right after the start.
        after: betterHosts(config.virtualIps, host).map((better) => `${better} keepalived.service`),
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}

/** Hosts that have a higher priority than this one for an address that both may hold, and for none a lower one. */
function betterHosts(virtualIps: StackConfig["virtualIps"], host: string): string[] {
  const shared = Object.values(virtualIps).filter((vip) => vip.priorities[host] !== undefined);
  const others = new Set(shared.flatMap((vip) => Object.keys(vip.priorities)));
  const isBetter = (other: string) => shared.every((vip) => (vip.priorities[other] ?? 0) > (vip.priorities[host] ?? 0));
  return [...others].filter((other) => other !== host && isBetter(other));
}
