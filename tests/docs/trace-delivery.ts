import type { Chapter, Proof } from "./trace.ts";

const sending = "agents/sender/sender.broker.test.ts";
const message = "agents/sender/messages.test.ts";
const delivery = "agents/sender/delivery.broker.test.ts";
const importing = "scripts/migrate/import-px/import-px.test.ts";
const importedDelivery = "scripts/migrate/import-px/delivery.test.ts";
const manager = "agents/queue-manager/queue-manager.broker.test.ts";
const watcher = "agents/watcher/watcher.broker.test.ts";
const road = "tests/acceptance/public-road.ts";
const client = "docs/subscribe/client.broker.test.ts";

const example: Proof = [
  sending,
  "the original system's example: its key, body and log line byte for byte, and the file is gone",
];
const notify: Proof = [
  importing,
  "the source's dd-notify gives its sender: only the password, which is asterisks there, is left to set",
];
const quotation: Proof = [
  importedDelivery,
  "the start quoted in the source, completed, gives its sender: active, lock by umask, 775",
];
const delivered: Proof = [
  delivery,
  "delivers the txq's files by lock %s: complete, with their mode, notified, logged like Sundew, removed here",
];
const arrived: Proof = [road, "arrive once and intact"];

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is how Sundew writes it
/** The requirement's chapter on the public data server. */
export const deliveryChapters: readonly Chapter[] = [
  {
    title: "Use of AMQP on DD (DDI, DD.BETA)",
    lines: [
      {
        line: "A pxSender of type amqp, reads the content of a file in its queue, makes a message to which it attaches a topic",
        does: "the agent sender",
        proofs: [example],
      },
      {
        line: "we have also attached the name of the file from which the message comes",
        does: "header `filename`, without the reception stamp",
        proofs: [
          example,
          [message, "the original system's example, byte for byte: key, URL of 86 bytes, name in the header"],
        ],
      },
      {
        line: "A pxReceiver of type amqp will announce to the broker the topic … insure the content of the message in the corresponding file name",
        does: "the agent receiver",
        proofs: [
          [
            "agents/receiver/receiver.broker.test.ts",
            "the original system's example: a sender's message becomes the file that its header names",
          ],
        ],
      },
    ],
  },
  {
    title: "Notifications for DD",
    lines: [
      {
        line: "he could subscribe (AMQP topic) to receive a message (the url of the product) … only at the delivery of the product on DD",
        does: "the URL goes out once the file is complete on the server; a client fetches it",
        proofs: [arrived, delivered],
      },
      {
        line: "type script; send_script sftp_amqp.py",
        does: "a sender of `datamart.delivery.senders`, which writes the notification's file itself",
        proofs: [
          quotation,
          delivered,
          [
            "agents/sender/delivery-to-notify.broker.test.ts",
            "a product of px is delivered to the public server and then announced with the original system's key and 86 bytes",
          ],
        ],
      },
      {
        line: "protocol ftp; host wxo-b1.cmc.ec.gc.ca; user wxofeed; ftp_mode active",
        does: "the same keys, per sender: `protocol`, `mode`; SFTP too",
        proofs: [quotation, delivered],
      },
      { line: "noduplicates false; validation False", does: "the same meaning, as imported", proofs: [quotation] },
      {
        line: "lock umask; chmod 775; batch 100",
        does: "no reader sees an incomplete file; then mode 775",
        proofs: [quotation, delivered],
      },
      {
        line: "The file containing the URL is placed under the txq of an AMQP sender /apps/px/txq/dd-notify-wxo-b1",
        does: "`datamart.delivery.notifyDirectory`",
        proofs: [
          [
            "infra/model/delivery.test.ts",
            "delivers below the document root as seen by the account there, and notifies the announcing sender",
          ],
          delivered,
        ],
      },
      {
        line: "type amqp; host wxo-b1.cmc.ec.gc.ca; user feeder; exchange_name cmc; exchange_type topic",
        does: "the unit `warren-dd-notify`",
        proofs: [
          notify,
          [message, "the agent's example is the original system's dd-notify"],
          [
            "infra/model/delivery.test.ts",
            "announces like the requirement's dd-notify, to the broker of the public data server",
          ],
        ],
      },
      {
        line: "exchange_key exp.dd.notify.${0}; accept ^(.*)\\+\\+.*",
        does: "the first capture group, its dots kept",
        proofs: [
          example,
          [
            "agents/sender/exchange-key.test.ts",
            "the first capture keeps its dots, which separate the folders of a tree",
          ],
        ],
      },
      {
        line: "reject ^ensemble.naefs.grib2.raw.*",
        does: "the file is removed and not announced",
        proofs: [example, notify],
      },
      {
        line: "[INFO] (86 Bytes) Message radar.24_HR_ACCUM.GIF.XSS++201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144709  delivered (lat=1.368449,speed=168950.887119)",
        does: "the same line in the journal",
        proofs: [example, [message, "the log line is the original system's, byte for byte"]],
      },
      {
        line: "And so the cl would be. exp.dd.notify.radar.24_HR_ACCUM.GIF.XSS",
        does: "the routing key",
        proofs: [example],
      },
      {
        line: "And the location of the file http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS",
        does: "the rule's directory below `datamart.baseUrl`",
        proofs: [delivered],
      },
      {
        line: "And the complete URL in the message http://dd1.weather.gc.ca/radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif",
        does: "the body, 86 bytes, without a newline",
        proofs: [
          example,
          ["agents/lib/announcement.test.ts", "the URL of the source's exp message is read and written"],
        ],
      },
    ],
  },
  {
    title: "Utilities installed on DD servers",
    lines: [
      {
        line: "the queue to be preserved and thus the connection resumption restarts the product collection without loss",
        does: "a durable queue with a fixed name, as the client of `docs/subscribe` has it",
        proofs: [
          [client, "announcements wait while it is down, and those in flight when it was killed are redelivered"],
          [road, "all arrive after kill -9 of the delivering sender, the announcing sender and the client"],
        ],
      },
      {
        line: "queue_manager.py: verifies if the unused queues have more than X products waiting or take more than Y Mbytes",
        does: "the agent queue-manager, by the bytes of messages",
        proofs: [
          [
            "agents/queue-manager/queue-facts.test.ts",
            "the facts are the bytes of a queue's messages, not its process's memory, and how often it was used",
          ],
          [
            manager,
            "of queues with and without clients, those that are unused and over their limits are deleted and listed",
          ],
        ],
      },
      {
        line: "If so, they are destroyed by the script.",
        does: "reported, unbound, then deleted, each after its time",
        proofs: [
          [
            manager,
            "of queues with and without clients, those that are unused and over their limits are deleted and listed",
          ],
        ],
      },
      {
        line: "the limits are: 25000 messages and 50Mb",
        does: "`queueManager.messagesMax` and `bytesMax`",
        proofs: [
          [
            "agents/queue-manager/config.test.ts",
            "by default it deletes, with the original system's limits: 25,000 messages or 50 MB",
          ],
        ],
      },
      {
        line: "dd-xml-inotify.py: monitor the modification of products under citypage_weather and marine_weather",
        does: "the agent watcher, for `datamart.watchedTrees`",
        proofs: [
          [watcher, "a change is announced in the three formats of dd-xml-inotify, to the byte"],
          [road, "are announced by the watcher if no sender delivers them"],
        ],
      },
      {
        line: "If a product is modified or added, an amqp notification is sent to the server.",
        does: "once it is complete",
        proofs: [[watcher, "a file that is written in pieces over time is announced once, complete"]],
      },
      {
        line: "Thus all products in the datamart are covered by the message sending.",
        does: "senders announce what they deliver, the watcher the rest",
        proofs: [arrived, [road, "are announced by the watcher if no sender delivers them"]],
      },
    ],
  },
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
