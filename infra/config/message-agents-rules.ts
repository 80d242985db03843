import type { ConfigIssue } from "../../agents/lib/errors.ts";
import type { StackConfig } from "./schema.ts";

/** Receivers and bridges are placed on hosts that are there, at brokers that are; no bridge hears itself. */
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
    ...Object.entries(bridges).flatMap(([name, { from, to }]) =>
      to.flatMap((target, index) => {
        const isHeard = target.exchange === from.exchange && isUnder(target.topicPrefix, from.topicPrefix);
        if (!isHeard) return [];
        const message = `a topic outside of ${from.topicPrefix}.# or another exchange is expected: it would hear itself; got ${target.topicPrefix}`;
        return [{ path: `bridges.${name}.to.${index}.topicPrefix`, message }];
      }),
    ),
  ];
}

const unknown = (where: string, name: string): string => `a name under ${where} is expected, got "${name}"`;

const isUnder = (topic: string, prefix: string): boolean => topic === prefix || topic.startsWith(`${prefix}.`);
