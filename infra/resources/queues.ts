import type * as pulumi from "@pulumi/pulumi";
import * as rabbitmq from "@pulumi/rabbitmq";
import type { QueueModel } from "../model/types.ts";

export interface QueueArgs {
  /** Of the cluster; the names of resources begin with it. */
  readonly cluster: string;
  readonly vhost: string;
  readonly queues: readonly QueueModel[];
  readonly options: pulumi.CustomResourceOptions;
  /** What bindings lead from. */
  readonly exchanges: readonly pulumi.Resource[];
  /** What is there is taken over, see `Broker`. */
  readonly takeOver: boolean;
}

/**
 * Queues that the config has, with their bindings. One that is taken out of the config stays on the broker, with its messages; one whose arguments
 * are changed is refused by the broker while the old one is there.
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

/** Words as a map, as the provider reads them back; anything else as JSON, which keeps numbers what they are. */
function argumentsOf({ arguments: given }: QueueModel) {
  const entries = Object.entries(given);
  if (entries.length === 0) return {};
  const words = entries.flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []));
  return words.length === entries.length
    ? { arguments: Object.fromEntries(words) }
    : { argumentsJson: JSON.stringify(given) };
}

/** The provider's id of a binding without arguments. Its last part is the broker's own name for the key, see rabbit_mgmt_format. */
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
