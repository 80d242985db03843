import type { FilePlace } from "../commands/files.ts";

/** keepalived runs its scripts as nobody in particular: what runs as root must not be writable by others. */
export const scriptAccount = { name: "keepalived_script", home: "/nonexistent" };

const folder = (path: string, owner: string): FilePlace => ({ path, owner, group: owner, mode: "0755" });

/** Who writes a file owns its folder: root, the script account, the broker. Under /run, so that a host begins anew after a boot. */
const ends = folder("/run/warren/broker-end", "root");
export const watchFolder = folder("/run/warren/vrrp", scriptAccount.name);
export const healthFolder = folder("/run/warren/broker-health", "rabbitmq");
export const standBackFolder = folder("/run/warren/stand-back", "root");
export const stateFolders: readonly FilePlace[] = [
  folder("/run/warren", "root"),
  ends,
  watchFolder,
  healthFolder,
  standBackFolder,
];

/** What passes between keepalived and those around it. */
export const stateFiles = {
  /** keepalived writes states, `vrrp-watch` reads them. */
  fifo: `${watchFolder.path}/states`,
  /** The broker's unit writes 1 when the broker has ended, and 0 when it serves. */
  downFile: `${ends.path}/down`,
  /** The look at the broker's health writes 1 where it speaks AMQP and can't work. */
  unhealthyFile: `${healthFolder.path}/unhealthy`,
  /** `stand-back` writes: by an operator's hand, and from the dispatcher's unit. */
  operatorFile: `${standBackFolder.path}/operator`,
  dispatcherFile: `${standBackFolder.path}/dispatcher`,
} as const;
