import { renderVrrpBroker, renderVrrpTmpfiles } from "../../templates/render.ts";
import { beforeStop } from "../commands/rabbitmq.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { traitsOf } from "../config/series.ts";
import { rootFile } from "./files.ts";
import { brokerUnit } from "./names.ts";
import type { FileModel } from "./types.ts";
import { scriptAccount, stateFiles, stateFolders } from "./vrrp-state.ts";

/**
 * Files that inform keepalived at once when a broker exits, for whatever reason. They precede the packages, so they also cover a broker's first
 * start.
 */
export function brokerEndFiles(broker: BrokerConfig): FileModel[] {
  return [
    rootFile(
      "/etc/tmpfiles.d/warren-vrrp.conf",
      renderVrrpTmpfiles({ directories: stateFolders, fifo: stateFiles.fifo, user: scriptAccount.name }),
    ),
    rootFile(
      `/etc/systemd/system/${brokerUnit}.d/warren-vrrp.conf`,
      renderVrrpBroker({ downFile: stateFiles.downFile, beforeStop: beforeStopOf(broker) }),
    ),
  ];
}

/** What the node evaluates before its unit stops it. */
export const beforeStopOf = ({ series }: BrokerConfig): string | undefined =>
  traitsOf(series).stopsLate ? beforeStop : undefined;
