import type { StackConfig } from "../config/index.ts";
import type { Finding } from "./rule.ts";

/**
 * Adopted services stay as they were found, so an error in one becomes a warning: it must not prevent the adoption after which it can be
 * fixed. A change of an existing series or release (rules `*-in-place`) remains an error.
 */
export function softenAdopted(finding: Finding, config: StackConfig): Finding {
  const [, section, name = ""] = /^warren:(\w+)\.([^.]+)/.exec(finding.path) ?? [];
  const stops = finding.severity === "error" && !/-in-place$/.test(finding.rule);
  return stops && isAdopted(section, name, config) ? { ...finding, severity: "warning" } : finding;
}

function isAdopted(section: string | undefined, name: string, { hosts, brokers, virtualIps }: StackConfig): boolean {
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
