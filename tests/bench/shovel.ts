import { request } from "undici";
import { UserError } from "../../agents/lib/errors.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";

const shovelName = "bench";
/** Recommended for throughput by its documentation, and its default. */
const shovelPrefetch = 1000;

/**
 * Moves all messages from one queue to another with RabbitMQ's shovel. It acks each message after the target's confirm, as the dispatcher
 * does, but inspects nothing. No client can be much faster.
 */
export async function startShovel(broker: LocalBroker, from: string, to: string): Promise<() => Promise<void>> {
  const value = {
    "src-protocol": "amqp091",
    // Without a host: a direct connection inside the broker, without a socket.
    "src-uri": "amqp://",
    "src-queue": from,
    "src-prefetch-count": shovelPrefetch,
    "src-delete-after": "never",
    "dest-protocol": "amqp091",
    "dest-uri": "amqp://",
    "dest-queue": to,
    "ack-mode": "on-confirm",
  };
  await call(broker, "PUT", { value });
  return () => call(broker, "DELETE");
}

async function call(broker: LocalBroker, method: "PUT" | "DELETE", body?: object): Promise<void> {
  const login = Buffer.from(`${broker.adminUser}:${broker.adminPassword}`).toString("base64");
  const answer = await request(`${broker.managementUrl}/api/parameters/shovel/%2F/${shovelName}`, {
    method,
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) {
    throw new UserError(
      "shovel",
      `the broker refused it: ${answer.statusCode} ${text}`,
      "check that plugin rabbitmq_shovel is enabled",
    );
  }
}
