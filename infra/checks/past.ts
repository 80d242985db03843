import type { StackConfig } from "../config/index.ts";

/** What the previous run deployed, as far as the rules compare it with the config: the stack's outputs of these names. */
export interface Past {
  /** Cluster -> series of RabbitMQ. */
  readonly series: Readonly<Record<string, string>>;
  /** Clusters whose members connect by TLS -> `tls`. */
  readonly distribution: Readonly<Record<string, string>>;
  /** Host -> release of Debian. */
  readonly releases: Readonly<Record<string, string>>;
}

/** For a stack that was never deployed. */
export const noPast: Past = { series: {}, distribution: {}, releases: {} };

/** What this run records for the next one. */
export function pastOf(config: StackConfig): Past {
  return {
    series: Object.fromEntries(Object.entries(config.brokers).map(([name, broker]) => [name, broker.series])),
    distribution: Object.fromEntries(
      Object.entries(config.brokers).flatMap(([name, broker]) => (broker.distributionTls ? [[name, "tls"]] : [])),
    ),
    releases: Object.fromEntries(Object.entries(config.hosts).map(([name, host]) => [name, host.release])),
  };
}

/** The past from a stack's outputs; empty for outputs of a run that did not record it yet. */
export function readPast(outputs: Readonly<Record<string, unknown>>): Past {
  return {
    series: textsOf(outputs.series),
    distribution: textsOf(outputs.distribution),
    releases: textsOf(outputs.releases),
  };
}

function textsOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
