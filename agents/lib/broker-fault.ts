import type { BrokerConfig } from "./config.ts";
import { UserError } from "./errors.ts";

/**
 * Why a connection to the broker failed, as the person who runs the agent needs it: what the broker or the network said
 * and, where it is a mistake in the config, which key to look at.
 */
export function describeBrokerFault(error: Error, config: Pick<BrokerConfig, "user" | "vhost">): string {
  if (error instanceof UserError) return `${error.subject}: ${error.message}`;
  // Node gathers the failures of several addresses of one name; its own message is empty then.
  const said =
    error instanceof AggregateError ? error.errors.map((each: Error) => each.message).join("; ") : error.message;
  const meaning = unequalQueue(said) ?? meanings.find(([pattern]) => pattern.test(said))?.[1](config);
  return meaning === undefined ? said : `${meaning} (${said})`;
}

/** A queue can't be changed: it goes, or the config says what it is. */
function unequalQueue(said: string): string | undefined {
  const found = /PRECONDITION_FAILED - inequivalent arg '([^']+)' for queue '([^']+)'/.exec(said);
  if (!found) return undefined;
  const [, argument, queue] = found;
  return `queue ${queue} is there already and has another ${argument}: correct the config, or stop this agent, let the queue run empty and delete it (rabbitmqctl delete_queue ${queue}); it is declared anew`;
}

type Meaning = readonly [RegExp, (config: Pick<BrokerConfig, "user" | "vhost">) => string];

const meanings: readonly Meaning[] = [
  [
    /ACCESS_REFUSED.*(Login|authentication)/i,
    ({ user }) => `the broker refuses user ${user}: look at broker.user and at the password in broker.passwordFile`,
  ],
  // The broker's own words for this are lost in amqplib, which only says that it expected something else.
  [
    /Expected ConnectionOpenOk|NOT_ALLOWED/,
    ({ user, vhost }) => `the broker has no vhost ${vhost}, or user ${user} may not enter it: look at broker.vhost`,
  ],
  [
    /ACCESS_REFUSED/,
    ({ user }) => `user ${user} lacks a permission that this agent needs: configure, write and read on its names`,
  ],
  [
    /PRECONDITION_FAILED - inequivalent arg/,
    () => "what this agent declares is there already, and differs: correct the config, or delete what is there",
  ],
  [
    /self-signed certificate|unable to (verify|get).*certificate|certificate signature failure/,
    () => "the broker's certificate is of no CA in broker.tls.caFile",
  ],
  [/certificate has expired/, () => "the broker's certificate has expired: renew it"],
  [
    /does not match certificate's altnames/,
    () => "the broker's certificate is not for this name or address: write into broker.hosts what it is for",
  ],
  [
    /wrong version number|packet length too long/,
    () => "what answers there does not speak TLS: look at the port in broker.hosts",
  ],
  [/exceeds maxFrameSize/, () => "what answers there does not speak AMQP: look at the port in broker.hosts"],
];
