import { renderVrrpBroker, renderVrrpTmpfiles } from "../../templates/render.ts";
import { rootFile } from "./files.ts";
import { brokerUnit } from "./names.ts";
import type { FileModel } from "./types.ts";
import { scriptAccount, stateFiles, stateFolders } from "./vrrp-state.ts";

/**
 * By which keepalived learns of a broker's end in the moment of it, whatever ended it. They come before the packages: a broker's first
 * start is told already.
 */
export function brokerEndFiles(): FileModel[] {
  return [
    rootFile(
      "/etc/tmpfiles.d/warren-vrrp.conf",
      renderVrrpTmpfiles({ directories: stateFolders, fifo: stateFiles.fifo, user: scriptAccount.name }),
    ),
    rootFile(`/etc/systemd/system/${brokerUnit}.d/warren-vrrp.conf`, renderVrrpBroker(stateFiles)),
  ];
}
