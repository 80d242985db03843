import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import type { Alert } from "./alert.ts";
import { monitorSees } from "./scope.ts";

/** Products on the radar path: announced, dispatched, placed. */
export const flowAlerts: readonly Alert[] = [
  {
    name: "ProductLost",
    severity: "page",
    forSeconds: 0,
    expression: ({ pullers, window }) =>
      pullers.length === 0
        ? undefined
        : `max(increase(warren_auditor_overdue_total[${window(600)}])) > 0
or max(increase(warren_auditor_dead_letters_total{kind="product"}[${window(600)}])) > 0`,
    summary: "A product was announced and has not been placed",
    felt: "A forecaster waits for a product that exists. It may still come; until it does, it counts as lost.",
    step: "no-dead-letters",
    look: ["./warren status -s STACK", "./warren trace -s STACK NAME"],
    remedy:
      "Find the product with `trace`: its last step says where it stopped. A dead letter has its reason in `x-dead-reason`; repair that, then move the message back to the exchange. Never purge the queue before.",
    why: "One lost product breaks the promise, so one is enough, at once. The auditor waits 120 s, which is longer than any fail-over; the window of ten minutes keeps the page visible after the count has risen.",
  },
  {
    name: "FlowStopped",
    severity: "page",
    forSeconds: 60,
    expression: ({ announcers, pullers, window }) =>
      announcers.length === 0 || pullers.length === 0
        ? undefined
        : `sum(increase(warren_announcer_announced_total[${window(120)}])) > 0
unless on () sum(increase(warren_puller_pulled_total[${window(120)}])) > 0`,
    summary: "Products are announced, and none is placed",
    felt: "No product arrives at all, although radar servers make them.",
    step: "announcements-are-dispatched",
    look: ["./warren status -s STACK", "./warren logs -s STACK --agent dispatcher --since 600"],
    remedy:
      "`verify` names the first broken link: broker, dispatcher or pullers. What has been announced is in a queue or in a spool and goes out when the link is repaired.",
    why: "Placing takes less than a second, so two minutes with announcements and without a placed product are no coincidence. One minute more covers a move of the virtual IP (seconds) and the restart of a broker.",
  },
  {
    name: "NothingAnnounced",
    severity: "page",
    forSeconds: 60,
    expression: ({ announcers, silenceSeconds, window }) =>
      announcers.length === 0
        ? undefined
        : `(sum(increase(warren_announcer_announced_total[${window(silenceSeconds)}])) or vector(0)) == 0
and on () (time() - max(process_start_time_seconds{job="prometheus"}) > ${Number.parseInt(window(silenceSeconds), 10)})
${monitorSees}`,
    summary: "No radar server has announced a product for a long time",
    felt: "No new products. Everything that was made before has arrived.",
    step: "products-are-made",
    look: ["./warren logs -s STACK --agent announcer --since 900"],
    remedy:
      "Look at the radar servers: do files arrive in the product tree, does the announcer run, is the disk full? If both servers are silent, ask who feeds them.",
    why: "Fifteen minutes are more than two cycles of a radar; a stack whose sources pause for longer sets `announcements.silenceSeconds`. A Prometheus that runs for less than that can't know.",
  },
  {
    name: "SourceSilent",
    severity: "ticket",
    forSeconds: 60,
    expression: ({ dispatchers, announcers }) =>
      dispatchers.length === 0 || announcers.length < 2
        ? undefined
        : // A standby reads no input: what it last knew says nothing.
          "max by (source) (warren_dispatcher_source_silent and on (host) warren_dispatcher_active == 1) == 1",
    summary: "{{ $labels.source }} announces nothing, another radar server does",
    felt: "Nothing: the other radar server's products arrive. If it fails too, nothing does.",
    step: "products-are-made",
    look: ["./warren logs -s STACK --agent announcer --since 900"],
    remedy: "Look at that radar server: its announcer, its product tree, and what fills it.",
    why: "The dispatcher compares the sources and has the threshold (`announcements.silenceSeconds`). A minute more, because a dispatcher that has just started has heard from nobody.",
  },
  {
    name: "FetchesFail",
    severity: "ticket",
    forSeconds: 60,
    expression: ({ pullers, window }) =>
      pullers.length === 0
        ? undefined
        : `max by (host) (warren_puller_origins_silent) > 0
or sum by (host) (increase(warren_puller_alternates_asked_total[${window(300)}])) > 2`,
    summary: "{{ $labels.host }} can't fetch products from a radar server",
    felt: "Nothing, or a second of delay: the product comes from the other radar server.",
    step: "products-are-served",
    look: ["./warren logs -s STACK --host HOST --agent puller --since 600"],
    remedy:
      "The puller's log has URL and reason: a web server that is down, a tree that it may not read, a blocked port.",
    why: "A file that is replaced while it is fetched costs one request for its twin; three within five minutes have a cause. A server counts as silent after the puller's own checks.",
  },
  {
    name: "Spooling",
    severity: "ticket",
    forSeconds: 60,
    expression: ({ announcers }) =>
      announcers.length === 0 ? undefined : "warren_announcer_spooled > 10 or warren_watcher_spooled > 10",
    summary: "{{ $labels.host }} keeps announcements on disk: no broker confirms them",
    felt: "Nothing while another radar server announces the same products; otherwise its products are late.",
    step: "products-are-announced",
    look: ["./warren logs -s STACK --host HOST --since 600"],
    remedy:
      "The agent's log names the broker and the reason: network, password, certificate, alarm. The spool is sent as soon as it is connected.",
    why: "A confirm takes milliseconds: at 50 products a second fewer than ten wait at any time. A minute is longer than a move of the virtual IP.",
  },
  {
    name: "DeadLetters",
    severity: "ticket",
    forSeconds: 0,
    expression: ({ clusters }) =>
      clusters.length === 0
        ? undefined
        : `sum by (cluster) (rabbitmq_detailed_queue_messages{job="rabbitmq-queues",queue="${deadLetterQueue}"}) > 0`,
    summary: "Messages are in the dead letter queue of {{ $labels.cluster }}",
    felt: "Nothing, if they were no announcements. A valid announcement among them is a lost product, and pages.",
    step: "no-dead-letters",
    remedy:
      "Read `x-dead-reason` of each. Find who sends what is no announcement. Remove the messages when it is understood.",
    why: "The queue of a healthy system is empty, and a message stays until a person has seen it, so one is enough and no time is needed.",
  },
  {
    name: "Repeats",
    severity: "ticket",
    forSeconds: 0,
    expression: ({ pullers, window }) =>
      pullers.length === 0
        ? undefined
        : `max(increase(warren_auditor_repeated_total[${window(3600)}])) > 0
or max(increase(warren_auditor_dispatched_again_total[${window(3600)}])) > 0`,
    summary: "A product was dispatched or placed twice",
    felt: "The same product is there twice. Nothing is late.",
    step: "one-dispatcher-is-active",
    look: ["./warren status -s STACK"],
    remedy:
      "Look for a partition or a restart at that time in `./warren logs`. Two brokers that were partitioned repeat what only one of them had; anything else is a fault of the program, to be reported with the journals.",
    why: "The promise is none, so one is enough. A ticket, because nobody has to act at night.",
  },
  {
    name: "AuditorBlind",
    severity: "ticket",
    forSeconds: 600,
    expression: ({ pullers }) => (pullers.length === 0 ? undefined : "warren_auditor_knows == 0"),
    summary: "The auditor on {{ $labels.host }} can't know whether products are lost",
    felt: "Nothing. A lost product would not page.",
    step: "auditor-runs",
    look: ["./warren logs -s STACK --host HOST --agent auditor --since 900"],
    remedy:
      "Its log has the reason of the gap: a full queue, a lost store, no connection. It knows again by itself when the gap is over.",
    why: "A restart of the auditor or of its broker is a gap of seconds, and ends by itself; ten minutes do not.",
  },
];
