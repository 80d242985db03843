import { configSchema } from "../../../agents/receiver/config.ts";
import { brokerPart, exchangePart } from "./broker.ts";
import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";
import { type Made, type Target, tellIssues } from "./made.ts";
import { leftOfReceiver } from "./options.ts";

const optionOf = {
  ...{ exchange: "exchange_name", exchangeType: "exchange_type", bindingKeys: "exchange_key" },
  broker: "host",
} as const;

/** A receiver of type amqp, as the receiver agent's config, without values that equal the agent's default. */
export function importReceiver(draft: Draft, whole: Place, { name, root, metricsPort }: Target): Made {
  const { broker, password } = brokerPart(draft, whole, "receiver-password");
  const receiverQueueDirectory = `${root}/rxq/${name}`;
  const queue = `cmc.receiver.${name}`;
  const type = draft.lineOf("type");
  if (type) {
    draft.find(type, {
      kind: "unexpressed",
      why: "the old receiver ingested files: database, routing to clients; the agent only puts them into the rxq",
      remedy: `let a receiver of type single-file ingest from ${receiverQueueDirectory}: this file without its AMQP lines`,
    });
    draft.find(type, {
      kind: "noted",
      why: `the old receiver's queue was deleted with its connection, and messages were lost meanwhile; the agent's queue is durable: ${queue}`,
      remedy:
        "allow its user to configure and read that queue; delete the queue when the receiver is removed, or it fills up",
    });
  }
  const rules = draft.rules();
  const first = draft.lineOf("accept") ?? draft.lineOf("reject");
  const seesFields = rules.some(({ accept, reject }) => (accept ?? reject ?? "").includes(":"));
  if (first && seesFields) {
    draft.find(first, {
      kind: "unexpressed",
      why: "patterns with colons were matched against the name with its extension and stamp, the agent's against the name in the header",
      remedy: "keep such patterns in the receiver of type single-file, or adapt them to the header's names",
    });
  }
  for (const option of ["validation", "noduplicates"]) {
    const line = draft.lineOf(option);
    if (line && draft.flag(option)) {
      const why = "the agent accepts every message: it has no such option";
      draft.find(line, { kind: "unexpressed", why, remedy: "keep it in the receiver of type single-file" });
    }
  }
  const config = {
    broker,
    metrics: { port: metricsPort },
    log: draft.flag("debug") ? { level: "debug" } : undefined,
    ...exchangePart(draft, whole),
    queue,
    bindingKeys: [draft.text("exchange_key") ?? ""],
    receiverQueueDirectory,
    rules: rules.length > 0 ? rules : undefined,
  };
  draft.leaveRest(leftOfReceiver);
  tellIssues(draft, whole, optionOf, configSchema.safeParse(config).error?.issues);
  return { config: JSON.parse(JSON.stringify(config)), password };
}
