import type { Definitions } from "../backup/definitions.ts";

/** Definitions translated from one series to another, and notes on what the other series does not have. */
export interface Translated {
  readonly definitions: Definitions;
  /** One line each, for the plan. */
  readonly notes: readonly string[];
}

type Queue = Definitions["queues"][number];

/** Policy keys without meaning in 4.0 (see its release notes): mirroring, and the mode of classic queues. */
const droppedKey = (key: string): boolean => key.startsWith("ha-") || key === "queue-mode";

/** Arguments that a quorum queue refuses (rabbitmq.com/docs/quorum-queues, feature matrix). */
const classicOnly = ["x-max-priority", "x-queue-master-locator"];
/** Arguments without effect in 4.0. They stay, because clients pass them in each declaration, which must match the queue. */
const withoutEffect = ["x-queue-mode"];

/**
 * Translates clients' definitions of a 3.x broker for 4.x. A queue that a policy mirrored becomes a quorum queue if possible; all other queues stay classic,
 * with the arguments that their clients declare. Password hashes, bindings and permissions are copied unchanged. Pure.
 *
 * @param all all definitions of the old broker, because the config's policies may mirror clients' queues
 * @param wanted the definitions to be carried over
 */
export function translate(all: Definitions, wanted: Definitions): Translated {
  const notes: string[] = [];
  const mirrors = all.policies.filter((policy) => "ha-mode" in definitionOf(policy));
  const isMirrored = (queue: Queue) =>
    mirrors.some(
      ({ vhost, pattern, "apply-to": applyTo }) =>
        vhost === queue.vhost && applyTo !== "exchanges" && new RegExp(String(pattern)).test(queue.name),
    );
  const policies = wanted.policies.flatMap((policy) => {
    const definition = definitionOf(policy);
    const dropped = Object.keys(definition).filter(droppedKey);
    if (dropped.length === 0) return [policy];
    const left = Object.fromEntries(Object.entries(definition).filter(([key]) => !droppedKey(key)));
    const isEmpty = Object.keys(left).length === 0;
    notes.push(
      `policy ${policy.name}: ${dropped.join(", ")} ${isEmpty ? "is all it sets, so it is not carried over" : "is dropped"}`,
    );
    return isEmpty ? [] : [{ ...policy, definition: left }];
  });
  const queues = wanted.queues.map((queue) => {
    const own = argumentsOf(queue);
    const without = withoutEffect.filter((key) => key in own);
    if (without.length > 0)
      notes.push(
        `queue ${queue.name}: ${without.join(", ")} has no effect in 4.x, but is kept to match its client's declaration`,
      );
    if (queue.durable === false)
      notes.push(`queue ${queue.name}: is transient, which 4.x still accepts; its client should declare it durable`);
    if (!isMirrored(queue) || own["x-queue-type"] !== undefined) return queue;
    const obstacles = obstaclesOf(queue, own);
    if (obstacles.length > 0) {
      notes.push(
        `queue ${queue.name}: was mirrored and can't become a quorum queue (${obstacles.join(", ")}), so it has one copy, on one host`,
      );
      return queue;
    }
    notes.push(`queue ${queue.name}: was mirrored and becomes a quorum queue`);
    return { ...queue, arguments: { ...own, "x-queue-type": "quorum", "x-delivery-limit": -1 } };
  });
  return { definitions: { ...wanted, policies, queues }, notes };
}

function obstaclesOf(queue: Queue, own: Readonly<Record<string, unknown>>): string[] {
  return [
    ...classicOnly.filter((key) => key in own),
    ...(own["x-queue-mode"] === undefined ? [] : ["x-queue-mode"]),
    ...(queue.durable === false ? ["not durable"] : []),
    ...(queue.auto_delete === true ? ["auto-delete"] : []),
  ];
}

const definitionOf = ({ definition }: Definitions["policies"][number]) =>
  (definition ?? {}) as Readonly<Record<string, unknown>>;
const argumentsOf = (queue: Queue) => (queue.arguments ?? {}) as Readonly<Record<string, unknown>>;
