import { readFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { parseDocument } from "yaml";
import { UserError } from "../../../agents/lib/errors.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { checkout } from "../../engine/places.ts";

const at = (...path: string[]) => ["config", ...path];

/**
 * The text of a stack file with the two clusters exchanged: the other one gets the announcements, the receivers and bridges at the same cluster, and
 * the higher priorities. Everything else is unchanged, including comments. Pure.
 */
export function withPlacesChanged(text: string, config: StackConfig): string {
  const { broker, beside } = config.announcements;
  if (beside === undefined) throw new TypeError("no second cluster");
  const stack = parseDocument(text);
  stack.setIn(at("warren:announcements", "broker"), beside);
  stack.setIn(at("warren:announcements", "beside"), broker);
  for (const { section, name } of messageAgentsAt(config, broker))
    stack.setIn(at(`warren:${section}`, name, "broker"), beside);
  const vip = config.brokers[broker]?.virtualIp ?? "";
  for (const [host, priority] of Object.entries(prioritiesChanged(config))) {
    stack.setIn(at("warren:virtualIps", vip, "priorities", host), priority);
  }
  return stack.toString();
}

/** The same numbers, the highest for the hosts of the new cluster. */
function prioritiesChanged({ announcements, brokers, virtualIps }: StackConfig): Record<string, number> {
  const { broker, beside = "" } = announcements;
  const priorities = virtualIps[brokers[broker]?.virtualIp ?? ""]?.priorities ?? {};
  const inOrder = (cluster: string) =>
    (brokers[cluster]?.members ?? [])
      .filter((host) => priorities[host] !== undefined)
      .toSorted((a, b) => (priorities[b] ?? 0) - (priorities[a] ?? 0));
  const hosts = [...inOrder(beside), ...inOrder(broker)];
  const numbers = hosts.map((host) => priorities[host] ?? 0).toSorted((a, b) => b - a);
  return Object.fromEntries(hosts.map((host, index) => [host, numbers[index] ?? 0]));
}

/** The text without the second cluster's part in the announcements. Its own section and its hosts stay. Pure. */
export function withoutBeside(text: string, config: StackConfig): string {
  const { broker, beside = "" } = config.announcements;
  const stack = parseDocument(text);
  stack.deleteIn(at("warren:announcements", "beside"));
  stack.deleteIn(at("warren:brokers", beside, "virtualIp"));
  const vip = config.brokers[broker]?.virtualIp ?? "";
  for (const host of config.brokers[beside]?.members ?? [])
    stack.deleteIn(at("warren:virtualIps", vip, "priorities", host));
  return stack.toString();
}

/** The config as the file will have it. */
export function placesChanged(config: StackConfig): StackConfig {
  const { broker, beside } = config.announcements;
  if (beside === undefined) throw new TypeError("no second cluster");
  const vip = config.brokers[broker]?.virtualIp ?? "";
  const old = config.virtualIps[vip];
  const moved = <One extends { readonly broker: string }>(all: Readonly<Record<string, One>>) =>
    Object.fromEntries(
      Object.entries(all).map(([name, one]) => [name, one.broker === broker ? { ...one, broker: beside } : one]),
    );
  return {
    ...config,
    receivers: moved(config.receivers),
    bridges: moved(config.bridges),
    announcements: { ...config.announcements, broker: beside, beside: broker },
    virtualIps: { ...config.virtualIps, ...(old ? { [vip]: { ...old, priorities: prioritiesChanged(config) } } : {}) },
  };
}

/** @throws UserError if the file can't be written */
export async function changeStackFile(file: string, change: (text: string) => string): Promise<void> {
  try {
    await writeFile(file, change(await readFile(file, "utf8")), { flush: true });
  } catch (cause) {
    if (!(cause instanceof Error) || !("code" in cause)) throw cause;
    throw new UserError(
      relative(checkout, file),
      `can't be changed: ${cause.message}`,
      "fix that, then run the same command again to continue",
      { cause },
    );
  }
}

/** Receivers and bridges with this broker in their config. */
function messageAgentsAt({ receivers, bridges }: StackConfig, broker: string) {
  const named = <Section extends "receivers" | "bridges">(
    section: Section,
    all: Readonly<Record<string, { readonly broker: string }>>,
  ) => Object.entries(all).flatMap(([name, one]) => (one.broker === broker ? [{ section, name }] : []));
  return [...named("receivers", receivers), ...named("bridges", bridges)];
}

/** Names of receivers and bridges with this broker, e.g. `receiver urls`. Pure. */
export const namesAt = (config: StackConfig, broker: string): string[] =>
  messageAgentsAt(config, broker).map(({ section, name }) => `${section.slice(0, -1)} ${name}`);
