/** Properties of a series of RabbitMQ that warren treats differently. Model and checks read them. */
export interface SeriesTraits {
  /** Who packages it: Debian, or RabbitMQ's team, whose packages need a source of their own (`warren:apt.sources`). */
  readonly packager: "debian" | "team";
  /** Whether the tests run it. */
  readonly tried: boolean;
  /** Debian release that ships it, or that its packages are for. There is no upgrade in place from one release's series to the next. */
  readonly release: "bookworm" | "trixie";
  /** apt's pin. */
  readonly packageVersion: string;
  /** How the queues that the agents declare are replicated: mirrored by policy, or quorum queues by declaration. */
  readonly replication: "mirrored" | "quorum";
  /** `rabbitmq.config` in Erlang terms, or `rabbitmq.conf` with `advanced.config` for settings that it can't express. */
  readonly configuration: "terms" | "conf";
  /** A quorum queue's default limit of deliveries, after which it drops or dead-letters a message; absent: no limit. */
  readonly deliveryLimit?: number;
  /** Whether its MQTT plugin speaks version 5, which came with 3.13. */
  readonly mqtt5: boolean;
  /** Whether the SASL mechanism ANONYMOUS is on by default. */
  readonly anonymousMechanism: boolean;
  /** Whether a stop takes five seconds longer with the management plugin: 3.10.8 does, 4.0.5 does not (measured). */
  readonly stopsLate: boolean;
  /** Number of members from which replication tolerates the loss of one. */
  readonly membersMin: number;
}

/** No test runs these. According to RabbitMQ's release notes, they behave like 4.0 here. */
const later = {
  packager: "team",
  tried: false,
  // With Debian 13's Erlang 27.
  release: "trixie",
  replication: "quorum",
  configuration: "conf",
  deliveryLimit: 20,
  mqtt5: true,
  anonymousMechanism: true,
  stopsLate: false,
  membersMin: 3,
} as const;

/** Series by name. Sources: Debian's package lists; RabbitMQ's release notes of 3.8 to 4.2. */
export const rabbitmqSeries = {
  "3.10": {
    packager: "debian",
    tried: true,
    release: "bookworm",
    packageVersion: "3.10.*",
    replication: "mirrored",
    configuration: "terms",
    mqtt5: false,
    anonymousMechanism: false,
    stopsLate: true,
    membersMin: 2,
  },
  "4.0": {
    packager: "debian",
    tried: true,
    release: "trixie",
    packageVersion: "4.0.*",
    replication: "quorum",
    configuration: "conf",
    deliveryLimit: 20,
    mqtt5: true,
    anonymousMechanism: true,
    stopsLate: false,
    membersMin: 3,
  },
  "4.1": { ...later, packageVersion: "4.1.*" },
  "4.2": { ...later, packageVersion: "4.2.*" },
} as const satisfies Readonly<Record<string, SeriesTraits>>;

export type RabbitmqSeries = keyof typeof rabbitmqSeries;
export const seriesNames = Object.keys(rabbitmqSeries) as RabbitmqSeries[];
export const traitsOf = (series: RabbitmqSeries): SeriesTraits => rabbitmqSeries[series];
export const debianSeries = seriesNames.filter((series) => traitsOf(series).packager === "debian");
