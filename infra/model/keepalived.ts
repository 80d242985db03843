import { renderAmqpCheck, renderKeepalivedConf, type VrrpInstance } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";

/** Scripts that run as root must not be writable by others; this one runs as nobody in particular. */
const scriptAccount = { name: "keepalived_script", home: "/nonexistent" };

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
    packages: [{ name: "keepalived", series: "1:2.2.*" }],
    units: [
      {
        name: "keepalived.service",
        onChange: "reload",
        reads: [check.path, conf.path],
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}
