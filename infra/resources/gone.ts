import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../../agents/lib/errors.ts";
import { brokerUnit } from "../model/names.ts";
import type { EnvironmentModel } from "../model/types.ts";
import type { GoneHost, Inventory } from "../observe/gone-hosts.ts";
import { type KeptSteps, stepName } from "./plan.ts";

/** What this run does with the hosts that are no longer in the stack and can't be reached. Hosts that answer are not here: the engine removes what is on them. */
export interface Gone {
  /** They stay recorded, and a later run that reaches them removes what is on them. */
  readonly waiting: readonly GoneHost[];
  /** They are to be forgotten: recorded once more, so that the engine learns to remove them from the state without a connection. */
  readonly leaving: readonly GoneHost[];
}

/** @param words the value of `WARREN_FORGET` */
export const namesToForget = (words: string | undefined): string[] =>
  (words ?? "").split(/[\s,]+/).filter((word) => word !== "");

/**
 * Decides what becomes of each host that is gone. A host is forgotten only if a person has named it, because one that is merely down runs its
 * agents again when it returns. Pure.
 *
 * @param forgotten hosts that the last run was to forget: they are not declared any more
 * @throws UserError for a host to forget that is in the stack, or of which nothing is recorded
 */
export function sortGone(
  gone: readonly GoneHost[],
  asked: readonly string[],
  forgotten: readonly string[],
  recorded: Inventory,
  { stack, hosts }: Pick<EnvironmentModel, "stack" | "hosts">,
): Gone {
  for (const name of asked) {
    const subject = `--forget ${name}`;
    if (hosts.some((host) => host.name === name)) {
      throw new UserError(subject, `${name} is in the stack`, `take it out of stack ${stack}'s file first`);
    }
    if (!recorded.hosts[name] && !forgotten.includes(name)) {
      throw new UserError(
        subject,
        "nothing is recorded of such a host",
        "leave it out; perhaps it is forgotten already",
      );
    }
  }
  const left = gone.filter(({ name }) => !forgotten.includes(name));
  return {
    waiting: left.filter(({ name }) => !asked.includes(name)),
    leaving: left.filter(({ name }) => asked.includes(name)),
  };
}

/** One warning for each host: why it stays recorded, or what stays on it. */
export function goneWarnings({ waiting, leaving }: Gone, stack: string): string[] {
  return [
    ...waiting.map(
      (host) =>
        `${host.name} is no longer in the stack, and can't be reached: ${host.unreachable}. When it runs, it runs ${unitsOf(host)}. ` +
        `The next up that reaches it removes them; if it is gone for good: ./warren up -s ${stack} --forget ${host.name}`,
    ),
    ...leaving.map(
      (host) =>
        `${host.name} is forgotten, and nothing on it was stopped or removed: ${host.unreachable}. If it ever runs again, it runs ${unitsOf(host)}. ` +
        "The next up takes it out of the state",
    ),
  ];
}

function unitsOf({ name, steps }: GoneHost): string {
  const units = steps
    .map((step) => step.slice(name.length + 1))
    .filter((step) => /^[^/]+\.(service|timer)$/.test(step));
  return units.length > 0 ? units.join(", ") : "nothing of warren";
}

/**
 * Declares the steps of gone hosts, and the objects of clusters that went with them, as the state has them: the engine sees no change and makes no
 * connection. Their order is kept for the run that removes them.
 */
export function declareGone(
  { waiting, leaving }: Gone,
  recorded: Inventory,
  model: Pick<EnvironmentModel, "clusters">,
) {
  const brokers = new Map<string, { readonly step: pulumi.Resource; readonly retainOnDelete: boolean }>();
  for (const [hosts, retainOnDelete] of [
    [waiting, false],
    [leaving, true],
  ] as const) {
    const asRecorded = { ignoreChanges: ["*"], retainOnDelete };
    for (const { name: host, steps, copies } of hosts) {
      const parent = new pulumi.ComponentResource("warren:index:Host", host);
      for (const name of copies) {
        new RecordedResource("command:remote:CopyToRemote", name, {}, { ...asRecorded, parent });
      }
      let before: pulumi.Resource[] = [];
      for (const name of steps) {
        const step = new RecordedResource(
          "command:remote:Command",
          name,
          {},
          { ...asRecorded, parent, dependsOn: before },
        );
        before = [step];
        if (name === stepName(host, brokerUnit)) brokers.set(host, { step, retainOnDelete });
      }
    }
  }
  for (const [cluster, { host, objects }] of Object.entries(clustersGone(recorded, model))) {
    const broker = brokers.get(host);
    if (!broker) continue;
    const { step, retainOnDelete } = broker;
    const asRecorded = { ignoreChanges: ["*"], retainOnDelete };
    const parent = new pulumi.ComponentResource("warren:index:Broker", cluster);
    const provider = new RecordedProvider("rabbitmq", cluster, {}, { ...asRecorded, parent });
    for (const [type, name] of objects) {
      const options = { ...asRecorded, parent, provider, deletedWith: step, dependsOn: step };
      // Queues are never deleted by the engine, see `declareQueues`.
      new RecordedResource(type, name, {}, type === queueType ? { ...options, retainOnDelete: true } : options);
    }
  }
}

const queueType = "rabbitmq:index/queue:Queue";

/** As the state has them, without properties of their own. */
class RecordedResource extends pulumi.CustomResource {}
class RecordedProvider extends pulumi.ProviderResource {}

const clustersGone = ({ clusters }: Inventory, model: Pick<EnvironmentModel, "clusters">): Inventory["clusters"] =>
  Object.fromEntries(
    Object.entries(clusters).filter(([name]) => !model.clusters.some((cluster) => cluster.name === name)),
  );

/** What to record of the hosts that stay recorded: their part of the inventory, and of the steps, so that they can return to the stack. */
export function recordOfGone(
  { waiting, leaving }: Gone,
  recorded: Inventory,
  kept: KeptSteps,
  model: Pick<EnvironmentModel, "clusters">,
): { readonly inventory: Inventory; readonly steps: KeptSteps; readonly forgotten: readonly string[] } {
  const all = [...waiting, ...leaving];
  const names = new Set(all.map(({ name }) => name));
  return {
    inventory: {
      hosts: Object.fromEntries(
        all.map(({ name, connection, steps, copies }) => [name, { connection, steps, copies }]),
      ),
      clusters: Object.fromEntries(
        Object.entries(clustersGone(recorded, model)).filter(([, { host }]) => names.has(host)),
      ),
    },
    steps: Object.fromEntries(
      all.flatMap(({ steps }) => steps.flatMap((name) => (kept[name] ? [[name, kept[name]] as const] : []))),
    ),
    forgotten: leaving.map(({ name }) => name),
  };
}

/** The inventory of the model's hosts and clusters, and of those that are gone. */
export const withGone = (made: Inventory, gone: Inventory): Inventory => ({
  hosts: { ...made.hosts, ...gone.hosts },
  clusters: { ...made.clusters, ...gone.clusters },
});
