import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";

/** What senders and receivers have in common. */
export interface BrokerPart {
  readonly broker: Readonly<Record<string, unknown>>;
  /** Undefined where the file has none, or asterisks in its place. */
  readonly password: string | undefined;
}

const amqpPort = 5672;
const portMax = 65_535;

/** Broker, user and the name of a file for the password, which no config has in it. */
export function brokerPart(draft: Draft, whole: Place, passwordFile: string): BrokerPart {
  const host = draft.text("host");
  const port = draft.number("port", 1, portMax) ?? amqpPort;
  const user = draft.text("user");
  if (host === undefined) draft.fault(whole, "has no host", "say the broker's: host NAME");
  if (user === undefined) draft.fault(whole, "has no user", "say the broker's user: user NAME");
  const protocol = draft.lineOf("protocol");
  if (protocol && protocol.words[0] !== "amqp") {
    draft.find(protocol, { kind: "noted", why: "type amqp speaks AMQP, whatever this says", remedy: "none is needed" });
  }
  const password = draft.lineOf("password");
  const isHidden = password !== undefined && /^\*+$/.test(password.words[0]);
  if (password === undefined || isHidden) {
    const why = password === undefined ? "has no password" : "is asterisks, not a password";
    const remedy = `put the user's password alone into the file ${passwordFile} beside the config, mode 0600`;
    draft.find(password ?? { ...whole, option: "password", words: [""] }, { kind: "unexpressed", why, remedy });
  }
  const address = host === undefined || host.includes(":") ? host : `${host}:${port}`;
  return {
    broker: { hosts: [address], user, passwordFile },
    password: isHidden ? undefined : password?.words[0],
  };
}

/** Exchange and type; a fault where there is none, or one that no agent can declare. */
export function exchangePart(draft: Draft, whole: Place): Readonly<Record<string, unknown>> {
  const exchange = draft.text("exchange_name");
  if (exchange === undefined) draft.fault(whole, "has no exchange_name", "say it: exchange_name cmc");
  const line = draft.lineOf("exchange_type");
  // What it was where nothing was said.
  const exchangeType = line?.words[0] ?? "fanout";
  if (line && !["topic", "fanout", "direct"].includes(exchangeType)) {
    const remedy = "topic, fanout and direct can be: let publishers and clients agree on one of them";
    draft.fault(line, `exchange_type ${exchangeType}: no agent has it`, remedy);
  }
  draft.find(line ?? { ...whole, option: "exchange_type", words: ["fanout"] }, {
    kind: "noted",
    why: "the old program declared the exchange without durable, the agent declares it durable",
    remedy: `where the broker refuses that (PRECONDITION_FAILED), set "declareExchange": false`,
  });
  return { exchange, exchangeType };
}
