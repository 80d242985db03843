import { renderBrokerDropIn } from "../../templates/render.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { beforeStopOf } from "./broker-end.ts";
import { rootFile } from "./files.ts";
import { brokerUnit } from "./names.ts";
import type { FileModel } from "./types.ts";

/**
 * A drop-in for the broker's unit: sandbox, limits, restarts and dependencies. Written before the package is installed.
 *
 * @param mayHoldAddress the drop-in of `brokerEndFiles` says how the broker stops
 */
export const brokerDropIn = (broker: BrokerConfig, mayHoldAddress: boolean): FileModel =>
  rootFile(
    `/etc/systemd/system/${brokerUnit}.d/warren.conf`,
    renderBrokerDropIn({ firewall: broker.firewall, beforeStop: mayHoldAddress ? undefined : beforeStopOf(broker) }),
  );
