import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { absolute } from "./delivery.ts";
import type { BridgeConfig } from "./message-agents.ts";
import type { StackConfig } from "./schema.ts";

/**
 * Receivers and bridges name existing hosts and brokers. A bridge that takes or fetches products once is on one host: two would not know of each
 * other's products.
 */
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
    ...Object.entries(bridges).flatMap(([name, one]) => wisIssues(`bridges.${name}`, one)),
  ];
}

function wisIssues(path: string, { hosts, from }: BridgeConfig): ConfigIssue[] {
  if (from.format !== "wis") return [];
  const { globalBrokers, fetch } = from;
  const isAlone = hosts.length === 1 || !(globalBrokers || fetch);
  const isAbsolute = !fetch || absolute.safeParse(fetch.productDirectory).success;
  return [
    ...(isAlone
      ? []
      : [{ path: `${path}.hosts`, message: "expected one host: two would announce every product twice" }]),
    ...(isAbsolute ? [] : [{ path: `${path}.from.fetch.productDirectory`, message: "expected an absolute path" }]),
  ];
}

const unknown = (where: string, name: string): string => `expected a name under ${where}, got "${name}"`;
