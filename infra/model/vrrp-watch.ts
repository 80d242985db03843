import { renderVrrpWatch, renderVrrpWatchService, type VrrpInstance } from "../../templates/render.ts";
import { rootFile } from "./files.ts";
import type { FileModel, UnitModel } from "./types.ts";
import { scriptAccount, stateFiles, watchFolder } from "./vrrp-state.ts";

/** Logs states and holders of virtual IPs to the journal: `journalctl -t warren-vip`. */
export function vrrpWatch(instances: readonly VrrpInstance[]): { files: FileModel[]; unit: UnitModel } {
  const files = [
    rootFile("/usr/local/lib/warren/vrrp-watch", renderVrrpWatch({}), { mode: "0755" }),
    rootFile(
      "/etc/systemd/system/warren-vip.service",
      renderVrrpWatchService({ user: scriptAccount.name, fifo: stateFiles.fifo, folder: watchFolder.path, instances }),
    ),
  ];
  return {
    files,
    unit: {
      name: "warren-vip.service",
      onChange: "restart",
      reads: files.map((file) => file.path),
      after: [],
      afterBroker: false,
      packaged: false,
    },
  };
}
