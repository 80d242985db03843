import { renderBrokerDropIn } from "../../templates/render.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { rootFile } from "./files.ts";
import { brokerUnit } from "./names.ts";
import type { FileModel } from "./types.ts";

/** What the broker's unit has beyond its package's: a sandbox, limits, when it starts again, whom it waits for. There before the package. */
export const brokerDropIn = ({ firewall }: BrokerConfig): FileModel =>
  rootFile(`/etc/systemd/system/${brokerUnit}.d/warren.conf`, renderBrokerDropIn({ firewall }));
