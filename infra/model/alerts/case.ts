/** What an alert is tested with: series of a stack like `lab`, and how many alerts of its name fire when. */
export interface AlertCase {
  readonly alert: string;
  /** What happens, in a few words. */
  readonly on: string;
  /** Series and their values, see `series.ts`; they replace those of `base`. */
  readonly series: Readonly<Record<string, string>>;
  /** Seconds since the beginning -> number of firing alerts of this name. */
  readonly firing: Readonly<Record<number, number>>;
  /** Seconds between values and between evaluations; default: those of a scrape. */
  readonly stepSeconds?: number;
  /** Other pages that are right then. */
  readonly alsoPages?: readonly string[];
}

const node = (host: string) => `up{job="node",host="${host}",instance="${host}"}`;

/** Every case has these series, unless it has others of the name: jobs, hosts and one of everything are there. Each is `[first value, growth]`. */
export const base: Readonly<Record<string, readonly [number, number]>> = {
  [node("bunny1")]: [1, 0],
  [node("urp-1")]: [1, 0],
  [node("pds-1")]: [1, 0],
  'up{job="agent",host="pds-1",agent="puller",instance="pds-1/puller"}': [1, 0],
  'up{job="rabbitmq",cluster="bunny",host="bunny1",instance="bunny1"}': [1, 0],
  'up{job="rabbitmq",cluster="bunny",host="bunny2",instance="bunny2"}': [1, 0],
  'erlang_vm_dist_node_state{job="rabbitmq",cluster="bunny",host="bunny1",peer="rabbit@bunny2"}': [3, 0],
  'erlang_vm_dist_node_state{job="rabbitmq",cluster="bunny",host="bunny2",peer="rabbit@bunny1"}': [3, 0],
  'up{job="rabbitmq-queues",cluster="bunny",host="bunny1",instance="bunny1"}': [1, 0],
  'process_start_time_seconds{job="prometheus",host="px-1"}': [0, 0],
  'warren_announcer_announced_total{job="agent",host="urp-9",agent="announcer"}': [0, 1],
  'warren_puller_pulled_total{job="agent",host="pds-9",agent="puller"}': [0, 1],
  'warren_dispatcher_active{job="agent",host="bunny1",agent="dispatcher"}': [1, 0],
  'node_network_address_info{job="node",host="bunny1",address="10.203.0.50"}': [1, 0],
};
