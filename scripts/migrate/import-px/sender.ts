import { configSchema } from "../../../agents/sender/config.ts";
import { brokerPart, exchangePart } from "./broker.ts";
import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";
import { type Made, type Target, tellIssues } from "./made.ts";
import { leftOfSender } from "./options.ts";
import { txqPart } from "./txq-part.ts";

/** The old option of each value, for the agent's errors. */
const optionOf: Readonly<Record<string, string>> = {
  ...{ exchange: "exchange_name", exchangeType: "exchange_type", exchangeKey: "exchange_key" },
  ...{ contentType: "exchange_content", broker: "host" },
};

/** A sender of type amqp, as the sender agent's config, without values that equal the agent's default. */
export function importSender(draft: Draft, whole: Place, { name, root, metricsPort }: Target): Made {
  const { broker, password } = brokerPart(draft, whole, "sender-password");
  const exchange = exchangePart(draft, whole);
  const rules = draft.rules();
  if (!rules.some(({ accept }) => accept !== undefined)) {
    draft.miss(whole, "accept", "it accepts no file, and would delete all of them", "add its accept lines");
  }
  const txq = txqPart(draft, `${root}/txq/${name}`, rules, leftOfSender);
  const config = {
    broker,
    metrics: { port: metricsPort },
    log: draft.flag("debug") ? { level: "debug" } : undefined,
    ...txq,
    ...exchange,
    exchangeKey: draft.text("exchange_key"),
    contentType: draft.text("exchange_content"),
  };
  draft.leaveRest(leftOfSender);
  tellIssues(draft, whole, optionOf, configSchema.safeParse(config).error?.issues);
  return { config: JSON.parse(JSON.stringify(config)), password };
}
