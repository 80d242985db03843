import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { StackConfig } from "./schema.ts";

/** Receivers and bridges name existing hosts and brokers. */
export function messageAgentIssues({ hosts, brokers, receivers, bridges }: StackConfig): ConfigIssue[] {
  const placed = [
    ...Object.entries(receivers).map(([name, one]) => [`receivers.${name}`, one] as const),
    ...Object.entries(bridges).map(([name, one]) => [`bridges.${name}`, one] as const),
  ];
  return [
    ...placed.flatMap(([path, { hosts: on, broker }]) => [
      ...on.flatMap((host, index) =>
        hosts[host] ? [] : [{ path: `${path}.hosts.${index}`, message: unknown("warren:hosts", host) }],
      ),
      ...(brokers[broker] ? [] : [{ path: `${path}.broker`, message: unknown("warren:brokers", broker) }]),
    ]),
  ];
}

const unknown = (where: string, name: string): string => `expected a name under ${where}, got "${name}"`;
