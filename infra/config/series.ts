/** What a series of RabbitMQ can do and needs, as far as warren treats them differently. Data: model and checks read it. */
export interface SeriesTraits {
  /** Debian release whose own packages have it; there is no other in-place way from one to the next. */
  readonly release: "bookworm" | "trixie";
  /** apt's pin. */
  readonly packageVersion: string;
  /** How the queues that the agents declare are replicated: mirrored by policy, or quorum queues by declaration. */
  readonly replication: "mirrored" | "quorum";
  /** `rabbitmq.config` in Erlang terms, or `rabbitmq.conf` with `advanced.config` for what it can't say. */
  readonly configuration: "terms" | "conf";
  /** Deliveries after which a quorum queue gives a message up unless told otherwise; absent: never. */
  readonly deliveryLimit?: number;
  /** Whether the SASL mechanism ANONYMOUS is on unless told otherwise. */
  readonly anonymousMechanism: boolean;
  /** Members with which replication tolerates the loss of one. */
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
