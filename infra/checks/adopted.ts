import type { StackConfig } from "../config/index.ts";
import type { Finding } from "./rule.ts";

/**
 * What was built by hand and adopted is as it was found: an error in it is told, and stops nothing, or nobody could adopt it and mend it then. A
 * change of what is there, which the rules about the past find, stops as everywhere.
 */
export function ofFound(finding: Finding, config: StackConfig): Finding {
  const [, section, name = ""] = /^warren:(\w+)\.([^.]+)/.exec(finding.path) ?? [];
  const stops = finding.severity === "error" && !/-in-place$/.test(finding.rule);
  return stops && isFound(section, name, config) ? { ...finding, severity: "warning" } : finding;
}

function isFound(section: string | undefined, name: string, { hosts, brokers, virtualIps }: StackConfig): boolean {
  const adopted = (host: string, service: "rabbitmq-server" | "keepalived") =>
    hosts[host]?.adopted?.[service] !== undefined;
  switch (section) {
    case "hosts":
      return hosts[name]?.adopted !== undefined;
    case "brokers":
      return brokers[name]?.members.some((host) => adopted(host, "rabbitmq-server")) ?? false;
    case "virtualIps":
      return Object.keys(virtualIps[name]?.priorities ?? {}).some((host) => adopted(host, "keepalived"));
    default:
      return false;
  }
}
