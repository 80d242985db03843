import type { FilePlace } from "../commands/files.ts";

/** keepalived runs its scripts as this unprivileged account. */
export const scriptAccount = { name: "keepalived_script", home: "/nonexistent" };

const folder = (path: string, owner: string): FilePlace => ({ path, owner, group: owner, mode: "0755" });

/** The writer of a file owns its folder: root, the script account, or the broker. Under /run, so that a host starts from scratch after a boot. */
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

/** Files for communication between keepalived and its sources. */
export const stateFiles = {
  /** keepalived writes states, `vrrp-watch` reads them. */
  fifo: `${watchFolder.path}/states`,
  /** The broker's unit writes 1 when the broker has exited, and 0 when it serves. */
  downFile: `${ends.path}/down`,
  /** The broker's health check writes 1 if it answers AMQP but can't work. */
  unhealthyFile: `${healthFolder.path}/unhealthy`,
  /** Written by `stand-back`, for an operator and for the dispatcher's unit. */
  operatorFile: `${standBackFolder.path}/operator`,
  dispatcherFile: `${standBackFolder.path}/dispatcher`,
} as const;
