import { renderBrokerHealth, renderBrokerHealthService, renderBrokerHealthTimer } from "../../templates/render.ts";
import { rootFile } from "./files.ts";
import { brokerUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { healthFolder } from "./vrrp-state.ts";

/** The program itself: Debian's wrapper puts its arguments through a shell. */
const diagnostics = "/usr/lib/rabbitmq/bin/rabbitmq-diagnostics";

/** Every half minute a look at what a handshake doesn't tell, where a virtual IP depends on it: alarms, virtual hosts that are down. */
export function brokerHealthPart({ config, host }: PartContext): HostPart {
  const isMember = Object.values(config.brokers).some((one) => one.members.includes(host));
  const mayHold = Object.values(config.virtualIps).some((vip) => vip.priorities[host] !== undefined);
  if (!isMember || !mayHold) return {};
  const files = [
    rootFile("/usr/local/lib/warren/broker-health", renderBrokerHealth({ program: diagnostics }), { mode: "0755" }),
    rootFile(
      "/etc/systemd/system/warren-broker-health.service",
      renderBrokerHealthService({ folder: healthFolder.path }),
    ),
    rootFile("/etc/systemd/system/warren-broker-health.timer", renderBrokerHealthTimer({})),
  ];
  return {
    files,
    units: [
      {
        name: "warren-broker-health.timer",
        onChange: "restart",
        reads: files.map((file) => file.path),
        after: [brokerUnit],
        afterBroker: false,
        packaged: false,
      },
    ],
  };
}
