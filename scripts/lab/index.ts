/** The lab's interface for scripts and tests: real hosts on one machine. */

export { allLabsDown, labDown } from "./down.ts";
export {
  bootHost,
  cutLink,
  fillDisk,
  freeDisk,
  healLink,
  healNetwork,
  killHost,
  netem,
  partition,
  stopHost,
} from "./faults.ts";
export { knownHostsPath, sshConfigPath, userKeyPath } from "./keys.ts";
export { labDirectory } from "./paths.ts";
export { type LabProgress, progressPrinter, type Report } from "./progress.ts";
export { allocateLabIndex } from "./registry.ts";
export {
  checkSpec,
  defaultHosts,
  defaultLabName,
  type LabHost,
  type LabSpec,
  labOption,
  type Release,
} from "./spec.ts";
export { type HostExecOptions, type HostResult, hostExec, hostRoot, hostShell } from "./ssh.ts";
export { allLabStatus, formatStatus, type HostStatus, type LabStatus, labStatus } from "./status.ts";
export { type LabOptions, type LabUpResult, labUp } from "./up.ts";
