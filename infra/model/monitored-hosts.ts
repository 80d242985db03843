import { hostsWith } from "../config/hosts.ts";
import type { StackConfig } from "../config/index.ts";

/** Hosts with the role monitor. */
export const monitorHosts = (config: Pick<StackConfig, "hosts">): string[] => hostsWith(config, "monitor");

/** Whether monitors scrape a host: all hosts of a stack that has a monitor, except adopted ones, on which nothing is installed. */
export const isMonitored = (config: Pick<StackConfig, "hosts">, host: string): boolean =>
  !config.hosts[host]?.adopted && monitorHosts(config).length > 0;
