import type { Alert } from "./alert.ts";
import { bridge, monitorSees } from "./scope.ts";

const dispatcherLogs = "./warren logs -s STACK --agent dispatcher --since 600";

/** Dispatchers, and the virtual IP that decides which of them is active. */
export const dispatchAlerts: readonly Alert[] = [
  {
    name: "NoDispatcher",
    severity: "page",
    forSeconds: 15,
    expression: ({ dispatchers }) =>
      dispatchers.length === 0
        ? undefined
        : `(sum(max_over_time(warren_dispatcher_active{job="agent"}[${bridge}])) or vector(0)) == 0
${monitorSees}`,
    summary: "No dispatcher is active",
    felt: "No product goes out. Announcements wait in the input queue.",
    step: "one-dispatcher-is-active",
    look: [dispatcherLogs],
    remedy:
      "`verify` says what each dispatcher is doing. Restart one that hangs: `systemctl restart warren-dispatcher` on the host with the virtual IP. If no host has the address, see VirtualIp.",
    why: "A take-over takes about two seconds. Active within the last 20 s (two missed scrapes) counts, then 15 s more: longer than any take-over, shorter than anybody waits.",
  },
  {
    name: "TwoDispatchers",
    severity: "page",
    forSeconds: 30,
    expression: ({ dispatchers }) =>
      dispatchers.length < 2 ? undefined : 'sum(warren_dispatcher_active{job="agent"}) > 1',
    summary: "{{ $value }} dispatchers are active at the same time",
    felt: "Products may arrive twice.",
    step: "one-dispatcher-is-active",
    look: [dispatcherLogs],
    remedy:
      "Two hosts have the virtual IP: see VirtualIp. Stop keepalived on the one with the lower priority until the network is repaired.",
    why: "Two hosts are scraped up to 5 s apart, so a move of the address may look like two for one scrape, never for six.",
  },
  {
    name: "DispatcherStuck",
    severity: "ticket",
    forSeconds: 120,
    expression: ({ dispatchers, window }) =>
      dispatchers.length === 0
        ? undefined
        : `warren_dispatcher_state{warren_dispatcher_state=~"fenced|full"} == 1
or min_over_time(warren_dispatcher_retrying[${window(120)}]) > 0
or warren_dispatcher_ledger_paused == 1`,
    summary: "The dispatcher on {{ $labels.host }} can't continue",
    felt: "Nothing yet, or products wait: then FlowStopped pages.",
    step: "dispatcher-is-well",
    look: [dispatcherLogs],
    remedy:
      "`status` shows its state. `full`: raise `announcements.entriesMax`. `fenced`: its host lost the address while it was publishing. Retrying: a queue that it publishes to is missing or full.",
    why: "Each of these ends within seconds after a take-over or a broker's restart; two minutes do not.",
  },
  {
    name: "JournalFault",
    severity: "ticket",
    forSeconds: 60,
    expression: ({ dispatchers }) => (dispatchers.length === 0 ? undefined : "warren_dispatcher_journal_fault == 1"),
    summary: "The dispatcher on {{ $labels.host }} can't write its journal",
    felt: "Nothing. If both dispatchers restart now, products of this time may go out twice.",
    step: "dispatcher-is-well",
    look: [dispatcherLogs],
    remedy: "Its log has the error: usually a full or read-only disk. It writes again by itself.",
    why: "A disk that is full for a moment costs one retry each second; a minute is no moment.",
  },
  {
    name: "VirtualIp",
    severity: "page",
    forSeconds: 15,
    expression: ({ virtualIps }) => {
      if (virtualIps.length === 0) return undefined;
      const holders = ({ address }: { readonly address: string }) =>
        `node_network_address_info{job="node",address="${address}"}`;
      return virtualIps
        .map((vip) => {
          const labelled = (expression: string) => `label_replace(${expression}, "virtual_ip", "${vip.name}", "", "")`;
          const none = `(count(last_over_time(${holders(vip)}[${bridge}])) or vector(0)) == 0 ${monitorSees}`;
          return `${labelled(none)}\nor ${labelled(`count(${holders(vip)}) > 1`)}`;
        })
        .join("\nor ");
    },
    summary: "{{ $value }} hosts have the virtual IP {{ $labels.virtual_ip }}",
    felt: "None: nobody can connect to the broker, and nothing flows. Two: some clients talk to a broker that the others don't.",
    step: "virtual-ip-on-one-host",
    look: ["./warren status -s STACK"],
    remedy:
      "None: start keepalived on a member whose broker runs. Two: the members don't hear each other's adverts; repair the network between them, or stop keepalived on one.",
    why: "A move takes one to three seconds and is seen by one scrape of 5 s. 15 s are three scrapes: no move is that slow.",
  },
  {
    name: "VirtualIpAway",
    severity: "ticket",
    forSeconds: 600,
    expression: ({ virtualIps }) => {
      const clauses = virtualIps.flatMap(({ address, hosts: [preferred, ...others] }) =>
        preferred === undefined || others.length === 0
          ? []
          : [
              `(up{job="node",host="${preferred}"} == 1 unless on (host) node_network_address_info{job="node",address="${address}"})`,
            ],
      );
      return clauses.length === 0 ? undefined : clauses.join("\nor ");
    },
    summary: "{{ $labels.host }} runs, and another host has its virtual IP",
    felt: "Nothing. One of two hosts has failed at something, so the next failure is felt.",
    step: "on-the-preferred-host",
    look: ["./warren status -s STACK"],
    remedy:
      "`verify` says why: moved by hand and not moved back, keepalived stopped, or its broker or dispatcher not healthy.",
    why: "After a repair the address returns within a minute, and planned work moves it for some minutes; ten is longer than either.",
  },
];
