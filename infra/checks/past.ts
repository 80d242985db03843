import type { StackConfig } from "../config/index.ts";

/** What the last run made, as far as a way from there to here can be a wrong one; the stack's outputs `series` and `releases`. */
export interface Past {
  /** Cluster -> series of RabbitMQ. */
  readonly series: Readonly<Record<string, string>>;
  /** Host -> release of Debian. */
  readonly releases: Readonly<Record<string, string>>;
}

/** Of a stack that was never made. */
export const noPast: Past = { series: {}, releases: {} };

/** What this run leaves for the next one. */
export function pastOf(config: StackConfig): Past {
  return {
    series: Object.fromEntries(Object.entries(config.brokers).map(([name, broker]) => [name, broker.series])),
    releases: Object.fromEntries(Object.entries(config.hosts).map(([name, host]) => [name, host.release])),
  };
}

/** The past as the outputs of a stack have it; outputs of a run that did not keep it yet tell nothing. */
export function readPast(outputs: Readonly<Record<string, unknown>>): Past {
  return { series: textsOf(outputs.series), releases: textsOf(outputs.releases) };
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
