/** Properties of a series of RabbitMQ that warren treats differently. Model and checks read them. */
export interface SeriesTraits {
  /** Debian release that ships it. There is no upgrade in place from one release's series to the next. */
  readonly release: "bookworm" | "trixie";
  /** apt's pin. */
  readonly packageVersion: string;
  /** How the queues that the agents declare are replicated: mirrored by policy, or quorum queues by declaration. */
  readonly replication: "mirrored" | "quorum";
  /** `rabbitmq.config` in Erlang terms, or `rabbitmq.conf` with `advanced.config` for settings that it can't express. */
  readonly configuration: "terms" | "conf";
  /** A quorum queue's default limit of deliveries, after which it drops or dead-letters a message; absent: no limit. */
  readonly deliveryLimit?: number;
  /** Whether the SASL mechanism ANONYMOUS is on by default. */
  readonly anonymousMechanism: boolean;
  /** Number of members from which replication tolerates the loss of one. */
  readonly membersMin: number;
}

/** Series by name. Sources: Debian's package lists; RabbitMQ's release notes of 3.8 to 4.0. */
export const rabbitmqSeries = {
  "3.10": {
    release: "bookworm",
    packageVersion: "3.10.*",
    replication: "mirrored",
    configuration: "terms",
    anonymousMechanism: false,
    membersMin: 2,
  },
  "4.0": {
    release: "trixie",
    packageVersion: "4.0.*",
    replication: "quorum",
    configuration: "conf",
    deliveryLimit: 20,
    anonymousMechanism: true,
    membersMin: 3,
  },
} as const satisfies Readonly<Record<string, SeriesTraits>>;

export type RabbitmqSeries = keyof typeof rabbitmqSeries;
export const seriesNames = Object.keys(rabbitmqSeries) as RabbitmqSeries[];
export const traitsOf = (series: RabbitmqSeries): SeriesTraits => rabbitmqSeries[series];
