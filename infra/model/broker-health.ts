import { renderBrokerHealth, renderBrokerHealthService, renderBrokerHealthTimer } from "../../templates/render.ts";
import { queueTypeOf } from "./agent-queues.ts";
import { rootFile } from "./files.ts";
import { brokerUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { mayHoldAddress } from "./virtual-ips.ts";
import { healthFolder } from "./vrrp-state.ts";

/** The program itself, because Debian's wrapper passes its arguments through a shell. */
const diagnostics = "/usr/lib/rabbitmq/bin/rabbitmq-diagnostics";
const control = "/usr/lib/rabbitmq/bin/rabbitmqctl";

/** Checks every half minute what a handshake doesn't show, on hosts that can hold a virtual IP: alarms, and virtual hosts that are down. */
export function brokerHealthPart({ config, host }: PartContext): HostPart {
  const broker = Object.values(config.brokers).find((one) => one.members.includes(host));
  if (!broker || !mayHoldAddress(config, host)) return {};
  const hasQuorum = queueTypeOf(broker) === "quorum";
  const files = [
    rootFile(
      "/usr/local/lib/warren/broker-health",
      renderBrokerHealth({ program: diagnostics, control: hasQuorum ? control : "" }),
      {
        mode: "0755",
      },
    ),
    rootFile(
      "/etc/systemd/system/warren-broker-health.service",
      renderBrokerHealthService({ folder: healthFolder.path, restarts: hasQuorum }),
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
