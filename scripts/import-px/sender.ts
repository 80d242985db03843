import { configSchema } from "../../agents/sender/config.ts";
import { brokerPart, exchangePart } from "./broker.ts";
import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";
import { leftOfSender } from "./options.ts";

export interface Target {
  readonly name: string;
  /** PXROOT: the folder of txq and rxq. */
  readonly root: string;
  readonly metricsPort: number;
}

export interface Made {
  readonly config: Readonly<Record<string, unknown>>;
  readonly password: string | undefined;
}

const duplicatesMax = 5_000_000;
const batchMax = 1000;
const settleSecondsMax = 3600;

/** A sender of type amqp, as the sender agent's config: what has the agent's own default is left out. */
export function importSender(draft: Draft, whole: Place, { name, root, metricsPort }: Target): Made {
  const { broker, password } = brokerPart(draft, whole, "sender-password");
  const exchange = exchangePart(draft, whole);
  const rules = draft.rules();
  if (!rules.some(({ accept }) => accept !== undefined)) {
    draft.fault(whole, "accepts no file: it would remove all", "say which: accept .*");
  }
  const settleSeconds = draft.number("mtime", 0, settleSecondsMax);
  const sorter = draft.lineOf("sorter");
  if (sorter && sorter.words[0] !== "MultiKeysStringSorter") {
    const left = leftOfSender.get("sorter");
    if (left) draft.find(sorter, left);
  }
  const config = {
    broker,
    metrics: { port: metricsPort },
    log: draft.flag("debug") ? { level: "debug" } : undefined,
    queueDirectory: `${root}/txq/${name}`,
    rules,
    validation: draft.flag("validation") ?? true,
    noDuplicates: draft.flag("noduplicates") ?? true,
    duplicatesMax: draft.number("cache_size", 1, duplicatesMax),
    batch: draft.number("batch", 1, batchMax),
    settleMs: settleSeconds === undefined ? undefined : settleSeconds * 1000,
    ...exchange,
    exchangeKey: draft.text("exchange_key"),
    contentType: draft.text("exchange_content"),
  };
  draft.leaveRest(leftOfSender);
  checkAll(draft, whole, config);
  return { config: JSON.parse(JSON.stringify(config)), password };
}

/** The old option of each value, for what the agent says of it. */
const optionOf: Readonly<Record<string, string>> = {
  ...{ exchange: "exchange_name", exchangeType: "exchange_type", exchangeKey: "exchange_key" },
  ...{ contentType: "exchange_content", broker: "host" },
};

function checkAll(draft: Draft, whole: Place, config: object): void {
  tellIssues(draft, whole, optionOf, configSchema.safeParse(config).error?.issues);
}

/** What the agent's own schema has against a config, at the lines that it comes from; nothing where those have a fault already. */
export function tellIssues(
  draft: Draft,
  whole: Place,
  options: Readonly<Record<string, string>>,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] = [],
): void {
  if (draft.faults.length > 0) return;
  for (const { path, message } of issues) {
    const option = options[String(path[0])];
    const line = option === undefined ? undefined : draft.lineOf(option);
    const what = option ?? path.map(String).join(".");
    draft.fault(line ?? whole, `${what}: ${message}`, "say it so that the agent can");
  }
}
