import type { Chapter, Proof } from "./trace.ts";

const announcements = "agents/lib/announcement.test.ts";
const dispatcher = "agents/dispatcher/dispatcher.broker.test.ts";
const puller = "agents/puller/puller.broker.test.ts";
const order = "agents/puller/order.test.ts";
const flow = "tests/flow/flow.broker.test.ts";
const products = "tests/acceptance/traffic.ts";
const faults = "tests/acceptance/verify-faults.ts";
const verify = "scripts/inspect/verify/verify.test.ts";
const composed = "agents/announcer/product.test.ts";

const onHosts: Proof = [products, "arrive once and intact, 20 a second, and every puller takes part"];
const oldBody: Proof = [composed, "the original system's product is announced with the original body, header and key"];
const once: Proof = [
  dispatcher,
  "publishes each product that two radar servers announce exactly once, and settles everything",
];
const exact: Proof = [
  dispatcher,
  "publishes under exactly v00.urp.notify with notifyKey: exact: queue and ledger hear it, and a restart knows it",
];
const noticed: Proof = [
  "tests/acceptance/virtual-ip.ts",
  "is noticed by the other host's dispatcher within a second of its move, and returns",
];
const allFive: Proof = [
  flow,
  "delivers every product once and complete, through all five pullers, and leaves nothing on the broker",
];
const shared: Proof = [
  puller,
  "two pullers share the announcements, one at a time, and place each product once, over one persistent connection each",
];
const healthy: Proof = [faults, "nothing is broken: it reports no problem"];
const probed: Proof = [faults, "nothing is broken: a probe goes down both paths"];
const first: Proof = [verify, "names the first broken link if %s"];

/** The requirement's chapters on the radar products, from URP to PDS, and on troubleshooting. */
export const radarChapters: readonly Chapter[] = [
  {
    title: "From URP-1/2 announce to BUNNY-OP that a product is ready",
    lines: [
      {
        line: "the sender amqp_expose_db.conf which announces that a product has just arrived in the db of metpx",
        does: "the agent announcer, when the file is complete",
        proofs: [
          [
            "agents/announcer/announcer.broker.test.ts",
            "every product is announced once, complete, with the routing key of its folders, also in new folders",
          ],
          onHosts,
        ],
      },
      {
        line: "a985c32cbdee8af2ab5d7b8f6022e781 498081 http://urp-1.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902",
        does: "the body, byte for byte",
        proofs: [
          oldBody,
          [announcements, "the source's announcement is written byte for byte and read back"],
          [announcements, "the columns of the source's listing, aligned by runs of spaces, are read"],
        ],
      },
      {
        line: "Md5sum of product name",
        does: "without the reception stamp, which differs between the two servers",
        proofs: [
          [
            announcements,
            "the key of the source's announcement is the md5 of the product name without the reception stamp",
          ],
        ],
      },
      {
        line: "an exchange key that starts with v00.urp.input followed by convention by the path from db with the '/' replaced with '.'",
        does: "the folders; with `announcements.topicFileName` the file's name too",
        proofs: [
          oldBody,
          [composed, "with topicFileName the routing key is the path from db, with . for /, and its name if that fits"],
        ],
      },
      {
        line: "urp-1/2 runs apache and that the product annonce is in the db of metpx and is visible from the URL of the message",
        does: "apache serves `productRoot`, and nothing else of the host",
        proofs: [
          onHosts,
          [
            products,
            "arrive whatever their names, with spaces, non-ASCII letters and URL characters, and with 0 bytes",
          ],
        ],
      },
    ],
  },
  {
    title: "BUNNY-OP and dd_dispatcher.py",
    lines: [
      {
        line: "It is with keepalived that we make sure that this vip resides on one of the bunny-op.",
        does: "its configuration is the next chapter",
        proofs: [noticed, healthy],
      },
      {
        line: "We also test that rabbitmq-server is running on the same server.",
        does: "an AMQP handshake each second, and a signal when the broker stops",
        proofs: [["templates/programs.test.ts", "sends the AMQP 0-9-1 header, and succeeds with a method frame"]],
      },
      {
        line: "The rabbitmq-servers on these machines are installed in a cluster. We put high availability on the queues beginnig with cmc.*",
        does: "mirrored queues on 3.10; on 4.0 quorum queues, `defaultQueueType: quorum` for those of clients",
        proofs: [
          [
            "tests/acceptance/installation.ts",
            "has every queue cmc.* on all members: mirrored by ha-all, or a quorum queue",
          ],
          [
            "infra/model/broker-files.test.ts",
            "gives clients' durable queues the type quorum if configured, which 3.10 can't",
          ],
        ],
      },
      {
        line: "This program verifies whether the vip bunny-op and proc…dera has its work only on the server where the vip lives.",
        does: "the dispatcher of the holder is active, the other one is warm",
        proofs: [
          [
            "agents/dispatcher/take-over.lab.test.ts",
            "while both hold the address one is active, and when it loses the address the other takes over",
          ],
          noticed,
        ],
      },
      {
        line: "If there is a switch, auto detection in 5 seconds and the queues remain unchanged",
        does: "within a second; what was not acknowledged is delivered to the other host",
        proofs: [
          noticed,
          [
            "agents/dispatcher/take-over.lab.test.ts",
            "an address that moves back and forth under load loses nothing and repeats nothing, and the other decides within a second",
          ],
        ],
      },
      {
        line: "subscribes to the messages v00.urp.input.# and thus redirects the messages from the 2 URP operative servers",
        does: "`cmc.urp.input`, bound to it",
        proofs: [once, onHosts],
      },
      {
        line: "the product's md5dum is placed in a cache and the message is r…exp…di… but this time with v00.urp.notify as the exchange key",
        does: "the folders follow; `announcements.notifyKey: exact` sends under this key alone",
        proofs: [once, exact],
      },
      {
        line: "If another message arrives from v00.urp.input with the same md5sum as the first one, it is ignored",
        does: "kept as the twin, for pullers that can't fetch the first one",
        proofs: [once],
      },
      {
        line: "the products announced from the exchange key v00.urp.notify are unique and represent the first arrival of the 2 operative URPs",
        does: "once in a window, whatever dies",
        proofs: [
          once,
          [dispatcher, "loses nothing and repeats nothing when it is killed again and again under load"],
          onHosts,
        ],
      },
    ],
  },
  {
    title: "PDS-OP receptions of dispatch messages, wget of radar products",
    lines: [
      {
        line: "a pull_urp receiver, execute the fx_script pull_amqp_wget.py",
        does: "the agent puller",
        proofs: [shared, onHosts],
      },
      {
        line: "self.channel.basic_qos(prefetch_size=0,prefetch_count=1,a_global=False)",
        does: "the same",
        proofs: [shared],
      },
      {
        line: "the distribution of messages v00.urp.notify will be distributed equally across the 5 servers under pds-op",
        does: "five pullers share `cmc.urp.pull`",
        proofs: [allFive, onHosts],
      },
      {
        line: "the url is reb…ted from the last 2 fields of the message",
        does: "base URL and path",
        proofs: [
          [order, "an announcement asks for its URL, under the file's own name with all colon-separated fields"],
          [announcements, "property: the URL of a product leads to its path, for any name"],
        ],
      },
      {
        line: "a wget of the product is made and placed in the receiver queue which is then ignored/routed in an ordinary way",
        does: "under its own name, in `receiverDirectory`, once it is complete",
        proofs: [
          [
            puller,
            "kill -9 in the middle of 400 products: nothing is lost, doubled or partial, and leftovers are removed at the next start",
          ],
          onHosts,
        ],
      },
    ],
  },
  {
    title: "Verification / Troubleshooting",
    lines: [
      { line: "In order of production", does: "the order of `verify`'s steps", proofs: [first, healthy] },
      {
        line: "Verify that the radar products are generated on urp-1/2.",
        does: "the step `products are made`",
        proofs: [first, healthy],
      },
      {
        line: "Verify that notifications are generated on urp-1/2 /apps/px/log/tx_amqp_expose_db.log",
        does: "the step `products are announced`, and `logs --agent announcer`: a table in docs/troubleshooting.md has each old log file",
        proofs: [
          first,
          healthy,
          ["scripts/inspect/logs/logs.test.ts", "are selected by host and agent"],
          ["tests/docs/names.test.ts", "every agent that a page selects logs of is one of the model's"],
        ],
      },
      {
        line: "Check where bunny-op resides",
        does: "the step `virtual IP on one host`; `status` shows the holder",
        proofs: [first, healthy],
      },
      {
        line: "Verify the logs of dd_dispatcher.py /var/log/dd_dispatcher_xxxx.log where xxxx is the process pid",
        does: "`logs --agent dispatcher`, of both hosts, merged by time",
        proofs: [
          ["scripts/inspect/logs/logs.test.ts", "are merged by time"],
          ["tests/docs/names.test.ts", "every agent that a page selects logs of is one of the model's"],
        ],
      },
      { line: "Check the pull_urp", does: "the steps of the pullers; a probe is pulled", proofs: [healthy, probed] },
      {
        line: "Repairing the processes that are not working properly should fix the problems in general.",
        does: "each finding names its remedy; `up` repairs what differs",
        proofs: [first],
      },
    ],
  },
];
