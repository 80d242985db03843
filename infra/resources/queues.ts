import type * as pulumi from "@pulumi/pulumi";
import * as rabbitmq from "@pulumi/rabbitmq";
import type { QueueModel } from "../model/types.ts";

export interface QueueArgs {
  /** Name of the cluster; names of resources begin with it. */
  readonly cluster: string;
  readonly vhost: string;
  readonly queues: readonly QueueModel[];
  readonly options: pulumi.CustomResourceOptions;
  /** Sources of bindings. */
  readonly exchanges: readonly pulumi.Resource[];
  /** Import existing queues, see `Broker`. */
  readonly takeOver: boolean;
}

/**
 * Queues of the config with their bindings. A queue that is removed from the config stays on the broker with its messages. The broker refuses a
 * queue with changed arguments while the old one exists.
 */
export function declareQueues(args: QueueArgs): pulumi.Resource[] {
  const { cluster, vhost, takeOver } = args;
  const imported = (id: string) => (takeOver ? { import: id } : {});
  return args.queues.flatMap((queue) => {
    const made = new rabbitmq.Queue(
      `${cluster} queue ${queue.name}`,
      { name: queue.name, vhost, settings: { durable: true, autoDelete: false, ...argumentsOf(queue) } },
      { ...args.options, ...imported(`${queue.name}@${vhost}`), retainOnDelete: true },
    );
    const bindings = queue.bindings.map(
      ({ exchange, key }) =>
        new rabbitmq.Binding(
          `${cluster} binding of ${queue.name} to ${exchange} by ${key || "no key"}`,
          {
            source: exchange,
            vhost,
            destination: queue.name,
            destinationType: "queue",
            ...(key === "" ? {} : { routingKey: key }),
          },
          {
            ...args.options,
            ...imported(bindingId(vhost, exchange, queue.name, key)),
            dependsOn: [made, ...args.exchanges],
          },
        ),
    );
    return [made, ...bindings];
  });
}

/** Strings as a map, as the provider reads them back; other values as JSON, which keeps the types of numbers. */
function argumentsOf({ arguments: given }: QueueModel) {
  const entries = Object.entries(given);
  if (entries.length === 0) return {};
  const strings = entries.flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []));
  return strings.length === entries.length
    ? { arguments: Object.fromEntries(strings) }
    : { argumentsJson: JSON.stringify(given) };
}

/** The provider's id of a binding without arguments. Its last part is the broker's encoding of the key, see rabbit_mgmt_format. */
export function bindingId(vhost: string, exchange: string, queue: string, key: string): string {
  const escaped = [vhost, exchange, queue].map((name) => name.replaceAll("%", "%25").replaceAll("/", "%2F"));
  return [...escaped, "queue", propertiesKey(key)].join("/");
}

function propertiesKey(key: string): string {
  if (key === "") return "~";
  return encodeURIComponent(key)
    .replaceAll("%20", "+")
    .replaceAll(/[~!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
