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

/** Broker, user and the name of the password file: configs contain no password. */
export function brokerPart(draft: Draft, whole: Place, passwordFile: string): BrokerPart {
  const host = draft.text("host");
  const port = draft.number("port", 1, portMax) ?? amqpPort;
  const user = draft.text("user");
  if (host === undefined) draft.miss(whole, "host", "it names no broker", "add it: host NAME");
  if (user === undefined) draft.miss(whole, "user", "it names no user of the broker", "add it: user NAME");
  const protocol = draft.lineOf("protocol");
  if (protocol && protocol.words[0] !== "amqp") {
    draft.find(protocol, { kind: "noted", why: "type amqp always uses AMQP", remedy: "none is needed" });
  }
  const address = host === undefined || host.includes(":") ? host : `${host}:${port}`;
  return {
    broker: { hosts: address === undefined ? [] : [address], user, passwordFile },
    password: passwordOf(draft, whole, passwordFile, `passwords.${user ?? "USER"}`),
  };
}

/** The password; undefined where the file has none, or asterisks in its place. @param secret its key below `warren:secrets` of a stack */
export function passwordOf(draft: Draft, whole: Place, passwordFile: string, secret: string): string | undefined {
  const line = draft.lineOf("password");
  if (line && !/^\*+$/.test(line.words[0])) return line.words[0];
  const why = line ? "it is asterisks, not a password" : "it has no password";
  const remedy = `write only the user's password into the file ${passwordFile} beside the config, mode 0600; in a stack: warren:secrets.${secret}`;
  draft.miss(line ?? whole, "password", why, remedy);
  return undefined;
}

/** Exchange and type; a fault where it is missing, or no agent can declare it. */
export function exchangePart(draft: Draft, whole: Place): Readonly<Record<string, unknown>> {
  const exchange = draft.text("exchange_name");
  if (exchange === undefined) draft.miss(whole, "exchange_name", "it names no exchange", "add it: exchange_name cmc");
  const line = draft.lineOf("exchange_type");
  // Sundew's default.
  const exchangeType = line?.words[0] ?? "fanout";
  if (line && !["topic", "fanout", "direct"].includes(exchangeType)) {
    const remedy = "use topic, fanout or direct, as publishers and clients agree";
    draft.fault(line, `exchange_type ${exchangeType}: no agent has it`, remedy);
  }
  draft.find(line ?? { ...whole, option: "exchange_type", words: ["fanout"] }, {
    kind: "noted",
    why: "the old program declared a transient exchange, the agent declares it durable",
    remedy: `if the broker refuses that (PRECONDITION_FAILED), set "declareExchange": false`,
  });
  return { exchange, exchangeType };
}
