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

/** A receiver of type amqp, as the receiver agent's config: what has the agent's own default is left out. */
export function importReceiver(draft: Draft, whole: Place, { name, root, metricsPort }: Target): Made {
  const { broker, password } = brokerPart(draft, whole, "receiver-password");
  const receiverQueueDirectory = `${root}/rxq/${name}`;
  const queue = `cmc.receiver.${name}`;
  const type = draft.lineOf("type");
  if (type) {
    draft.find(type, {
      kind: "unexpressed",
      why: "the old receiver ingested what it received: database, routing to clients; the agent puts it into the rxq, and no more",
      remedy: `let a receiver of type single-file ingest from ${receiverQueueDirectory}: this file without its lines on AMQP`,
    });
    draft.find(type, {
      kind: "noted",
      why: `the old receiver's queue went with its connection, and what came meanwhile was lost; the agent's is durable: ${queue}`,
      remedy: "let its user configure and read that queue; delete it when the receiver is given up: it fills",
    });
  }
  const rules = draft.rules();
  const first = draft.lineOf("accept") ?? draft.lineOf("reject");
  const seesFields = rules.some(({ accept, reject }) => (accept ?? reject ?? "").includes(":"));
  if (first && seesFields) {
    draft.find(first, {
      kind: "unexpressed",
      why: "patterns with colons were held against the name with its extension and stamp, the agent's against the name in the header",
      remedy: "keep such patterns in the receiver of type single-file, or fit them to the header's names",
    });
  }
  for (const option of ["validation", "noduplicates"]) {
    const line = draft.lineOf(option);
    if (line && draft.flag(option)) {
      const why = "the agent takes every message: it doesn't do that";
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
