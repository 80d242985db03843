import { Buffer } from "node:buffer";
import type { ClusterModel } from "../model/types.ts";
import { productionQueues } from "./production.ts";
import type { Rule } from "./rule.ts";

/** AMQP 0-9-1, 4.2.5.3: a short string's length is one byte. */
const bytesMax = 255;

export const unusableName: Rule = {
  name: "unusable-name",
  severity: "error",
  firesOn: "a name of a user, exchange, queue or policy with an `@` or more than 255 bytes",
  reason:
    "The provider's ids are `NAME@VHOST`: with an `@` in the name, the wrong object would be read, changed and deleted. AMQP stores the length of a name in one byte, and counts bytes, not characters.",
  remedy: "choose a name without `@`, at most 255 bytes long",
  source: "AMQP 0-9-1, 4.2.5.3 and 3.1.3; @pulumi/rabbitmq, import ids",
  find: (model) =>
    model.clusters.flatMap((cluster) =>
      namesOf(cluster).flatMap(([kind, name]) => {
        const bytes = Buffer.byteLength(name);
        const faults = [
          ...(name.includes("@") ? ["contains an @"] : []),
          ...(bytes > bytesMax ? [`has ${bytes} bytes`] : []),
        ];
        const shown = name.length > 60 ? `${name.slice(0, 60)}…` : name;
        return faults.map((fault) => ({
          path: `warren:brokers.${cluster.name}.${kind}`,
          message: `${JSON.stringify(shown)} ${fault}`,
        }));
      }),
    ),
};

function namesOf(cluster: ClusterModel): [kind: string, name: string][] {
  const own = ["users", "exchanges", "queues", "policies"] as const;
  return [
    ["administrator", cluster.administrator.name],
    ...own.flatMap((kind) => cluster[kind].map(({ name }): [string, string] => [kind, name])),
    // Agents would refuse longer names of their own queues, with a restart each time.
    ...productionQueues(cluster).map(({ name }): [string, string] => ["queues", name]),
  ];
}
