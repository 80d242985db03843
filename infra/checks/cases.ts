import type { StackConfig } from "../config/index.ts";
import { fixtureConfig } from "../model/fixture.ts";
import { accessCases } from "./access-cases.ts";
import {
  announcements,
  bridged,
  broker,
  policies,
  type RuleCases,
  secondVip,
  sound,
  toWis,
  toWisBesides,
  trixie,
  vip,
  withPassword,
  withRelease,
  withTeamSource,
} from "./fixture.ts";
import type { Past } from "./past.ts";

const past: Past = { series: { bunny: "3.10" }, distribution: {}, releases: { bunny1: "bookworm" } };

const replicationCases: readonly RuleCases[] = [
  {
    rule: "pause-minority-of-two",
    fires: [{ on: "two members", config: broker({ partitionHandling: "pause_minority" }) }],
    quiet: [
      { on: "two members with autoheal", config: broker({ partitionHandling: "autoheal" }) },
      { on: "three members", config: trixie(3, { partitionHandling: "pause_minority" }) },
    ],
  },
  {
    rule: "quorum-of-two",
    fires: [
      { on: "4.0 on two hosts", config: trixie(2) },
      {
        on: "3.10 on two hosts with a quorum queue of its own",
        config: broker({ queues: [{ name: "q_x", arguments: { "x-queue-type": "quorum" }, bindings: [] }] }),
      },
    ],
    quiet: [
      { on: "4.0 on three hosts", config: trixie(3) },
      { on: "4.0 on one host, which is not redundant anyway", config: trixie(1) },
    ],
  },
  {
    rule: "mirroring-unsupported",
    fires: [
      {
        on: "the requirement's policy on 4.0",
        config: trixie(3, { policies: policies({ pattern: "^cmc\\.", definition: { "ha-mode": "all" } }) }),
      },
    ],
    quiet: [{ on: "the requirement's policy on 3.10", config: sound }],
  },
  {
    rule: "quorum-by-default",
    fires: [{ on: "4.0 with `defaultQueueType: quorum`", config: trixie(3, { defaultQueueType: "quorum" }) }],
    quiet: [{ on: "4.0 without it", config: trixie(3) }],
  },
  {
    rule: "series-in-place",
    fires: [{ on: "a cluster of 3.10, changed to 4.0", config: trixie(3), past: { series: past.series } }],
    quiet: [
      { on: "a cluster of 3.10, unchanged", config: sound, past },
      { on: "a second cluster of 4.0 under another name", config: trixie(3), past: { series: { hare: "3.10" } } },
    ],
  },
  {
    rule: "distribution-in-place",
    fires: [
      { on: "a running cluster, with it from now on", config: broker({ distributionTls: true }), past },
      { on: "a cluster that has it, without it", config: sound, past: { ...past, distribution: { bunny: "tls" } } },
    ],
    quiet: [
      { on: "a new cluster with it", config: broker({ distributionTls: true }) },
      {
        on: "a cluster that has it, unchanged",
        config: broker({ distributionTls: true }),
        past: { ...past, distribution: { bunny: "tls" } },
      },
      { on: "a single member", config: trixie(1, { distributionTls: true }), past: { series: { bunny: "4.0" } } },
    ],
  },
  {
    rule: "release-in-place",
    fires: [{ on: "a host of Debian 12, changed to 13", config: trixie(3), past: { releases: past.releases } }],
    quiet: [
      { on: "a host of Debian 12, unchanged", config: sound, past },
      { on: "another host of Debian 13", config: trixie(3), past: { releases: { "bunny-old": "bookworm" } } },
    ],
  },
  {
    rule: "series-not-in-release",
    fires: [{ on: "4.0 with one member on Debian 12", config: withRelease(trixie(3), "bunny3", "bookworm") }],
    quiet: [
      { on: "3.10 on Debian 12", config: sound },
      { on: "4.0 on Debian 13", config: trixie(3) },
    ],
  },
  {
    rule: "series-without-source",
    fires: [{ on: "4.1 with Debian's sources", config: trixie(3, { series: "4.1" }) }],
    quiet: [
      { on: "4.1 with a mirror of the team's packages", config: withTeamSource(trixie(3, { series: "4.1" })) },
      { on: "4.0 with Debian's sources", config: trixie(3) },
    ],
  },
  {
    rule: "untried-series",
    fires: [{ on: "4.1", config: withTeamSource(trixie(3, { series: "4.1" })) }],
    quiet: [
      { on: "4.0", config: trixie(3) },
      { on: "3.10", config: sound },
    ],
  },
];

const virtualIpCases: readonly RuleCases[] = [
  {
    rule: "equal-priorities",
    fires: [
      { on: "both hosts at 150, as in the requirement", config: vip({ priorities: { bunny1: 150, bunny2: 150 } }) },
    ],
    quiet: [{ on: "150 and 100", config: sound }],
  },
  {
    rule: "shared-router-id",
    fires: [{ on: "router id 247 twice on eth0", config: secondVip({}) }],
    quiet: [
      { on: "router id 247 on eth0 and on eth1", config: secondVip({ interface: "eth1" }) },
      { on: "router ids 247 and 248 on eth0", config: secondVip({ routerId: 248 }) },
    ],
  },
  {
    rule: "virtual-ip-outside-subnet",
    fires: [
      { on: "an address in the neighbouring /24", config: vip({ address: "142.135.13.59" }) },
      {
        on: "an address in the neighbouring /28, with `prefixLength: 28`",
        config: vip({ address: "142.135.12.65", prefixLength: 28 }),
      },
    ],
    quiet: [
      { on: "an address in the hosts' /24", config: sound },
      {
        on: "an address in the neighbouring /24, with `prefixLength: 16`",
        config: vip({ address: "142.135.13.59", prefixLength: 16 }),
      },
    ],
  },
  {
    rule: "open-vrrp",
    fires: [
      { on: "`vrrp2: { authPass: bunop }`, as in the requirement", config: vip({ vrrp2: { authPass: "bunop" } }) },
    ],
    quiet: [{ on: "VRRP version 3", config: sound }],
  },
];

/** Policies are tried on 4.0, which has no standard policies that could interfere. */
const policed = (...changes: Parameters<typeof policies>) => trixie(3, { policies: policies(...changes) });
const expires = { expires: 3_600_000 };
const bounded = { "max-length": 25_000 };

const queueCases: readonly RuleCases[] = [
  {
    rule: "policed-production-queue",
    fires: [
      { on: "`expires` for every queue", config: policed({ pattern: ".*", definition: expires }) },
      { on: "`max-length` for ^cmc", config: policed({ pattern: "^cmc", definition: bounded }) },
      {
        on: "`expires` for every queue by an operator policy",
        config: broker({ operatorPolicies: policies({ pattern: ".*", definition: expires }) }),
      },
      {
        on: "`delivery-limit` without a dead letter exchange",
        config: policed({ pattern: "^cmc", applyTo: "quorum_queues", definition: { "delivery-limit": 20 } }),
      },
    ],
    quiet: [
      { on: "`expires` for clients' queues", config: policed({ definition: expires }) },
      {
        on: "`max-length` with `overflow: reject-publish`",
        config: policed({ pattern: "^cmc", definition: { ...bounded, overflow: "reject-publish" } }),
      },
      { on: "`delivery-limit` of -1", config: policed({ pattern: "^cmc", definition: { "delivery-limit": -1 } }) },
      {
        on: "`expires` for queues of another type",
        config: policed({ pattern: ".*", applyTo: "classic_queues", definition: expires }),
      },
    ],
  },
  {
    rule: "short-dedup-window",
    fires: [{ on: "ten minutes", config: announcements({ dedupWindowSeconds: 600 }) }],
    quiet: [
      { on: "two hours, the default", config: sound },
      { on: "eleven minutes", config: announcements({ dedupWindowSeconds: 660 }) },
    ],
  },
  {
    rule: "hidden-policy",
    fires: [
      {
        on: "a policy of higher priority without `ha-mode` on cmc queues",
        config: broker({ policies: policies({ pattern: "^cmc", priority: 1, definition: { "queue-mode": "lazy" } }) }),
      },
      {
        on: "two policies of equal priority",
        config: policed(
          { name: "a", pattern: "^cmc", definition: { "queue-version": 2 } },
          { name: "b", pattern: "^cmc", definition: { "dead-letter-strategy": "at-least-once" } },
        ),
      },
    ],
    quiet: [
      {
        on: "a policy of higher priority that has all keys of the lower one",
        config: policed(
          { name: "a", pattern: "^cmc", definition: { "queue-version": 1 } },
          { name: "b", pattern: "^cmc", priority: 1, definition: { "queue-version": 2 } },
        ),
      },
      {
        on: "two policies on different queues",
        config: policed({ name: "a", pattern: "^cmc", definition: { "queue-version": 2 } }, { definition: expires }),
      },
    ],
  },
  {
    rule: "unanchored-policy",
    fires: [
      { on: "`cmc`", config: policed({ pattern: "cmc", definition: { "queue-version": 2 } }) },
      { on: "`^cmc|q_`", config: policed({ pattern: "^cmc|q_", definition: { "queue-version": 2 } }) },
    ],
    quiet: [
      {
        on: "`^cmc\\.`, without a `$`",
        config: policed({ pattern: "^cmc\\.", definition: { "queue-version": 2 } }),
      },
      { on: "`.*`", config: policed({ pattern: ".*", definition: { "queue-version": 2 } }) },
    ],
  },
  {
    rule: "unusable-name",
    fires: [
      {
        on: "a user `me@home`",
        config: withPassword("me@home", broker({ users: { "me@home": { tags: [], ldap: false } } })),
      },
      { on: "an exchange of 128 letters é", config: broker({ exchanges: [{ name: "é".repeat(128), type: "topic" }] }) },
      { on: "an agents' queue of 256 bytes", config: announcements({ pullQueue: "cmc".padEnd(256, "x") }) },
    ],
    quiet: [
      { on: "an exchange of 127 letters é", config: broker({ exchanges: [{ name: "é".repeat(127), type: "topic" }] }) },
    ],
  },
  {
    rule: "announced-twice",
    fires: [
      { on: "from v03 on `xpublic` to exp on `cmc`", config: bridged({}) },
      { on: "from v03 on `xpublic` to WIS2, with `wis` for the watched trees", config: toWisBesides("v03") },
      { on: "from `v03.marine_weather.X` to WIS2, likewise", config: toWisBesides("v03.marine_weather.X") },
    ],
    quiet: [
      { on: "from v03 on `xs_sr3`, an exchange of the sources", config: bridged({ exchange: "xs_sr3" }) },
      { on: "a server with `formats: [exp, v02]`", config: bridged({}, ["exp", "v02"]) },
      { on: "from `v03.radar` to WIS2, with `wis` for the watched trees", config: toWisBesides("v03.radar") },
    ],
  },
  {
    rule: "unpublished-wis-topic",
    fires: [
      {
        on: "`weather/surface-based-observations/radar`: its name is `weather-radar`",
        config: toWis("weather/surface-based-observations/radar"),
      },
      { on: "`weather/radar` of watched trees", config: toWisBesides("v03.radar", "weather/radar") },
    ],
    quiet: [
      {
        on: "`weather/surface-based-observations/weather-radar`",
        config: toWis("weather/surface-based-observations/weather-radar"),
      },
      { on: "`weather/experimental/anything`", config: toWis("weather/experimental/anything") },
    ],
  },
];

type Rules = NonNullable<NonNullable<StackConfig["datamart"]>["delivery"]>["notify"]["rules"];

/** With the public data server of stack lab, and other rules for one of its senders, or for the one that announces. */
function delivering(rules: Rules, notified?: Rules): StackConfig {
  const { datamart } = fixtureConfig("lab");
  const { senders, notify, ...delivery } = datamart?.delivery ?? {};
  if (!datamart || !senders?.ftp || !notify) throw new Error("stack lab has no sender ftp");
  const own = {
    ...delivery,
    senders: { ftp: { ...senders.ftp, rules } },
    notify: { ...notify, rules: notified ?? notify.rules },
  };
  const changed = { ...datamart, broker: "bunny", delivery: own } as NonNullable<StackConfig["datamart"]>;
  return withPassword("queue-manager", { ...sound, datamart: changed });
}

const senderCases: readonly RuleCases[] = [
  {
    rule: "sender-accepts-nothing",
    fires: [
      { on: "no rules", config: delivering([]) },
      { on: "only reject", config: delivering([{ reject: "^a" }]) },
      { on: "only reject for announcements", config: delivering([{ accept: "^a" }], [{ reject: "^a" }]) },
    ],
    quiet: [{ on: "reject and accept", config: delivering([{ reject: "^a" }, { accept: ".*" }]) }],
  },
];

/** At least one row for each rule, in the order of the rules. */
export const cases: readonly RuleCases[] = [
  ...replicationCases,
  ...virtualIpCases,
  ...queueCases,
  ...senderCases,
  ...accessCases,
];
