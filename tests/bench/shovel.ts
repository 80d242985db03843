import { request } from "undici";
import { UserError } from "../../agents/lib/errors.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";

const shovelName = "bench";
/** What its documentation recommends for throughput, and its own default. */
const shovelPrefetch = 1000;

/**
 * Has RabbitMQ's own shovel move everything from one queue to another within the broker: each message confirmed by the
 * target before it is acked at the source, as the dispatcher does, and nothing looked at. No client can be faster by much.
 */
export async function startShovel(broker: LocalBroker, from: string, to: string): Promise<() => Promise<void>> {
  const value = {
    "src-protocol": "amqp091",
    // Without a host: within the broker's own VM, no socket between.
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
      `the broker refuses it: ${answer.statusCode} ${text}`,
      "is plugin rabbitmq_shovel there?",
    );
  }
}
