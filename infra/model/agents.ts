import type { Config as AnnouncerConfig } from "../../agents/announcer/config.ts";
import { renderAgentService } from "../../templates/render.ts";
import { json, rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";

/** Loopback ports of the agents' metrics, one an agent. */
export const metricsPorts = { announcer: 9101, dispatcher: 9102, puller: 9103 } as const;

/** Milliseconds an agent takes at most to settle what it has in hand when it is told to stop. */
const shutdownTimeoutMs = 10_000;

/** The account that owns products and receiver queues, as on the hosts that warren follows. */
const productAccount = { name: "px", home: "/apps/px" };
const serviceAccount = { name: "warren", home: "/var/lib/warren" };

interface AgentShell {
  readonly name: keyof typeof metricsPorts;
  readonly summary: string;
  readonly user: string;
  readonly after?: string;
  readonly writable?: string;
}

/** What all agents have: the runtime, the bundle, the config, the password, the unit. */
function agentPart(context: PartContext, shell: AgentShell, own: Record<string, unknown>, brokers: string[]): HostPart {
  const { config, artifacts } = context;
  const common = {
    broker: {
      hosts: brokers,
      vhost: "/",
      user: "feeder",
      passwordFile: `\${CREDENTIALS_DIRECTORY}/broker-password`,
    },
    metrics: { address: "127.0.0.1", port: metricsPorts[shell.name] },
    log: { level: config.announcements.logLevel },
    shutdownTimeoutMs,
  };
  const files = [
    rootFile(`/etc/warren/${shell.name}.json`, json({ ...common, ...own })),
    rootFile("/etc/warren/secrets/broker-password", config.secrets.passwords.feeder, { mode: "0600", secret: true }),
    rootFile(
      `/etc/systemd/system/warren-${shell.name}.service`,
      renderAgentService({
        name: shell.name,
        summary: shell.summary,
        user: shell.user,
        after: shell.after ?? "",
        writable: shell.writable ?? "",
        stopSeconds: shutdownTimeoutMs / 1000 + 5,
      }),
    ),
  ];
  const place = { owner: "root", group: "root", mode: "0755" };
  const installed = [
    { ...place, name: "node", path: "/opt/warren/node/bin/node", ...artifacts.node },
    { ...place, name: shell.name, path: `/opt/warren/agents/${shell.name}.mjs`, ...artifacts[shell.name] },
  ];
  return {
    accounts: [shell.user === productAccount.name ? productAccount : serviceAccount],
    files,
    artifacts: installed,
    units: [
      {
        name: `warren-${shell.name}.service`,
        onChange: "restart",
        reads: [...files, ...installed].map((file) => file.path),
        afterBroker: true,
        packaged: false,
      },
    ],
  };
}

/** `host:port` at which agents find the broker: its virtual IP, else its members. */
function brokerHosts({ config }: PartContext): string[] {
  const broker = config.brokers[config.announcements.broker];
  if (!broker) return [];
  const vip = broker.virtualIp ? config.virtualIps[broker.virtualIp] : undefined;
  const addresses = vip ? [vip.address] : broker.members.map((host) => config.hosts[host]?.address ?? host);
  return addresses.map((address) => `${address}:${broker.port}`);
}

/** A radar server: apache serves the products, the announcer says when one has come. */
export function announcerPart(context: PartContext): HostPart {
  const { announcements, hosts } = context.config;
  const own: Omit<AnnouncerConfig, keyof CommonPart> = announcerOwn(context);
  void hosts;
  const part = agentPart(
    context,
    { name: "announcer", summary: "announces products where they are made", user: "px" },
    own,
    brokerHosts(context),
  );
  return {
    ...part,
    directories: [
      { path: productAccount.home, owner: "px", group: "px", mode: "0755" },
      { path: announcements.productRoot, owner: "px", group: "px", mode: "0755" },
    ],
    packages: [{ name: "inotify-tools" }],
  };
}
