import type { BrokerConfig } from "./config.ts";
import { UserError } from "./errors.ts";

/**
 * Why a connection to the broker failed: the broker's or the network's message and, if the config is wrong, which key to check.
 */
export function describeBrokerFault(error: Error, config: Pick<BrokerConfig, "user" | "vhost">): string {
  if (error instanceof UserError) return `${error.subject}: ${error.message}`;
  // If all addresses of a name fail, Node's error has an empty message and a list of errors.
  const text =
    error instanceof AggregateError ? error.errors.map((each: Error) => each.message).join("; ") : error.message;
  const meaning = unequalQueue(text) ?? meanings.find(([pattern]) => pattern.test(text))?.[1](config);
  return meaning === undefined ? text : `${meaning} (${text})`;
}

/** A queue can't be changed: it has to be deleted, or the config corrected. */
function unequalQueue(text: string): string | undefined {
  const found = /PRECONDITION_FAILED - inequivalent arg '([^']+)' for queue '([^']+)'/.exec(text);
  if (!found) return undefined;
  const [, argument, queue] = found;
  return `queue ${queue} exists with a different ${argument}: correct the config, or stop this agent, let the queue run empty and delete it (rabbitmqctl delete_queue ${queue}); it is then declared again`;
}

type Meaning = readonly [RegExp, (config: Pick<BrokerConfig, "user" | "vhost">) => string];

const meanings: readonly Meaning[] = [
  [
    /ACCESS_REFUSED.*(Login|authentication)/i,
    ({ user }) => `the broker refuses user ${user}: check broker.user and the password in broker.passwordFile`,
  ],
  // amqplib loses the broker's message for this and only reports that it expected another method.
  [
    /Expected ConnectionOpenOk|NOT_ALLOWED/,
    ({ user, vhost }) => `the broker has no vhost ${vhost}, or user ${user} may not access it: check broker.vhost`,
  ],
  [
    /ACCESS_REFUSED/,
    ({ user }) => `user ${user} lacks a permission that this agent needs: configure, write and read on its names`,
  ],
  [
    /PRECONDITION_FAILED - inequivalent arg/,
    () =>
      "something that this agent declares exists with other properties: correct the config, or delete the existing one",
  ],
  [
    /self-signed certificate|unable to (verify|get).*certificate|certificate signature failure/,
    () => "the broker's certificate is not signed by a CA in broker.tls.caFile",
  ],
  [/certificate has expired/, () => "the broker's certificate has expired: renew it"],
  [
    /does not match certificate's altnames/,
    () =>
      "the broker's certificate is not valid for this name or address: write one that it is valid for into broker.hosts",
  ],
  [
    /wrong version number|packet length too long/,
    () => "the server does not speak TLS: check the port in broker.hosts",
  ],
  [/exceeds maxFrameSize/, () => "the server does not speak AMQP: check the port in broker.hosts"],
];
