import * as pulumi from "@pulumi/pulumi";
import * as rabbitmq from "@pulumi/rabbitmq";
import { userResource } from "../model/names.ts";
import type { ClusterModel, PolicyModel } from "../model/types.ts";
import { declareQueues } from "./queues.ts";

export interface BrokerArgs {
  readonly model: ClusterModel;
  /** Address of the member whose management API is used. */
  readonly address: string;
  /** Resources that must exist before the management API is used. */
  readonly dependsOn: readonly pulumi.Resource[];
  /**
   * Existing objects are imported, which fails if they differ from the model. Users are not, because passwords can't be read back: they are
   * created. If a user already has this password and these tags, warren's plugin leaves it alone, and the official one sets the same values again.
   */
  readonly takeOver: boolean;
  /** CA certificates of the management API's server, relative to the engine's working folder; absent without TLS. */
  readonly caFile?: string;
}

/**
 * The objects in one cluster: users, permissions, exchanges, policies, and the queues of the config. Agents declare their own queues.
 */
export class Broker extends pulumi.ComponentResource {
  /** Objects that agents wait for. */
  readonly objects: readonly pulumi.Resource[];

  constructor(name: string, args: BrokerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("warren:index:Broker", name, {}, opts);
    const { model, caFile } = args;
    const provider = new rabbitmq.Provider(
      name,
      {
        endpoint: `${model.management.scheme}://${args.address}:${model.management.port}`,
        username: model.administrator.name,
        password: pulumi.secret(model.administrator.password),
        ...(caFile === undefined ? {} : { cacertFile: caFile }),
      },
      { parent: this },
    );
    // The objects go with the cluster: when its first node is removed, there is nothing left to delete them from.
    const first = args.dependsOn[0];
    const options = {
      parent: this,
      provider,
      dependsOn: [...args.dependsOn],
      ...(first ? { deletedWith: first } : {}),
    };
    const vhost = "/";
    const inVhost = (object: string) => ({ ...options, ...(args.takeOver ? { import: `${object}@${vhost}` } : {}) });
    const users = model.users.map((user) => {
      const made = new rabbitmq.User(
        userResource(name, user.name),
        { name: user.name, password: pulumi.secret(user.password ?? ""), tags: [...user.tags] },
        options,
      );
      const { permissions, topicPermissions, isWarrens } = user;
      if (!permissions) return [made];
      // A user without permissions can't do anything, so topics are restricted before it gets any.
      const topics = topicPermissions
        ? [
            new rabbitmq.TopicPermissions(
              `${name} topic permissions of ${user.name}`,
              { user: made.name, vhost, permissions: topicPermissions.map((one) => ({ ...one })) },
              options,
            ),
          ]
        : [];
      const granted = new rabbitmq.Permissions(
        `${name} permissions of ${user.name}`,
        { user: made.name, vhost, permissions },
        { ...(isWarrens ? options : inVhost(user.name)), dependsOn: [...args.dependsOn, ...topics] },
      );
      return [made, ...topics, granted];
    });
    const exchanges = model.exchanges.map(
      (exchange) =>
        new rabbitmq.Exchange(
          `${name} exchange ${exchange.name}`,
          { name: exchange.name, vhost, settings: { type: exchange.type, durable: true, autoDelete: false } },
          inVhost(exchange.name),
        ),
    );
    // Also on brokers that were set up by hand: the broker accepts a binding that exists.
    const exchangeBindings = model.exchangeBindings.map(
      ({ source, destination, key }) =>
        new rabbitmq.Binding(
          `${name} binding of exchange ${destination} to ${source} by ${key}`,
          { source, vhost, destination, destinationType: "exchange", routingKey: key },
          { ...options, dependsOn: [...args.dependsOn, ...exchanges] },
        ),
    );
    const policies = model.policies.map(
      (policy) =>
        new rabbitmq.Policy(
          `${name} policy ${policy.name}`,
          { name: policy.name, vhost, policy: policyInput(policy) },
          inVhost(policy.name),
        ),
    );
    const operatorPolicies = model.operatorPolicies.map(
      (policy) =>
        new rabbitmq.OperatorPolicy(
          `${name} operator policy ${policy.name}`,
          { name: policy.name, vhost, policy: policyInput(policy) },
          inVhost(policy.name),
        ),
    );
    const queues = declareQueues({
      cluster: name,
      vhost,
      queues: model.queues,
      options,
      exchanges,
      takeOver: args.takeOver,
    });
    this.objects = [...users.flat(), ...exchanges, ...exchangeBindings, ...policies, ...operatorPolicies, ...queues];
    this.registerOutputs({});
  }
}

/** The provider expects strings, and sends numbers and booleans with their types. */
const policyInput = ({ pattern, applyTo, priority, definition }: PolicyModel) => ({
  pattern,
  applyTo,
  priority,
  definition: Object.fromEntries(Object.entries(definition).map(([key, value]) => [key, String(value)])),
});
