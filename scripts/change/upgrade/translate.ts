import type { Definitions } from "../backup/definitions.ts";

/** Definitions of one series as another one takes them, and what became of what that one doesn't have. */
export interface Translated {
  readonly definitions: Definitions;
  /** Each a line for the person who is asked. */
  readonly notes: readonly string[];
}

type Queue = Definitions["queues"][number];

/** Keys of policies that 4.0 has no use for (its release notes): mirrors, and the mode of classic queues. */
const droppedKey = (key: string): boolean => key.startsWith("ha-") || key === "queue-mode";

/** Arguments that a quorum queue refuses (rabbitmq.com/docs/quorum-queues, feature matrix). */
const classicOnly = ["x-max-priority", "x-queue-master-locator"];
/** Told by a client at each declaration, and taken by 4.0 without effect: they stay, so that the client's declaration still fits. */
const withoutEffect = ["x-queue-mode"];

/**
 * What clients have on a broker of 3.x, for one of 4.x. A queue that a policy mirrored becomes a quorum queue where it can; all the other queues stay
 * classic, with the arguments that their clients declare them with. Passwords' hashes, bindings and permissions are taken as they are. Pure.
 *
 * @param all everything that the old broker has: policies of the config are looked at, too
 * @param wanted what of it is carried over
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
      `policy ${policy.name}: ${dropped.join(", ")} ${isEmpty ? "was all it said: it stays behind" : "is left out"}`,
    );
    return isEmpty ? [] : [{ ...policy, definition: left }];
  });
  const queues = wanted.queues.map((queue) => {
    const own = argumentsOf(queue);
    const without = withoutEffect.filter((key) => key in own);
    if (without.length > 0)
      notes.push(
        `queue ${queue.name}: ${without.join(", ")} has no effect any more, and stays for its client's declaration`,
      );
    if (queue.durable === false)
      notes.push(`queue ${queue.name}: is transient, which 4.x takes for now; its client should declare it durable`);
    if (!isMirrored(queue) || own["x-queue-type"] !== undefined) return queue;
    const hindered = hindrances(queue, own);
    if (hindered.length > 0) {
      notes.push(
        `queue ${queue.name}: was mirrored and can't be a quorum queue (${hindered.join(", ")}): it has one copy, on one host`,
      );
      return queue;
    }
    notes.push(`queue ${queue.name}: was mirrored, becomes a quorum queue`);
    return { ...queue, arguments: { ...own, "x-queue-type": "quorum", "x-delivery-limit": -1 } };
  });
  return { definitions: { ...wanted, policies, queues }, notes };
}

function hindrances(queue: Queue, own: Readonly<Record<string, unknown>>): string[] {
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
