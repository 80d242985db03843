import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../../tests/rigs/shared-broker.ts";
import { type Conformance, startConformance } from "./conformance.ts";

const policy = "rabbitmq:index/policy:Policy";
const operatorPolicy = "rabbitmq:index/operatorPolicy:OperatorPolicy";
const exchange = "rabbitmq:index/exchange:Exchange";
const queue = "rabbitmq:index/queue:Queue";
const binding = "rabbitmq:index/binding:Binding";

let broker: LocalBroker;
let rabbit: Conformance;
beforeAll(async () => {
  broker = await sharedBroker();
  rabbit = await startConformance(broker);
});
afterAll(async () => {
  await rabbit?.stop();
});

describe.each([
  { type: policy, collection: "policies" },
  { type: operatorPolicy, collection: "operator-policies" },
])("$type", ({ type, collection }) => {
  const definition = { "message-ttl": "5000", "max-length": "10" };
  const settings = { pattern: "^cmc\\.", priority: 1, applyTo: "queues", definition };

  it("sends whole numbers as numbers, and reads them back as the program wrote them", async () => {
    const made = await rabbit.make(type, { name: "limits", vhost: "/", policy: settings });
    expect(made.id).toBe("limits@/");
    expect((await rabbit.ask("GET", `${collection}/%2F/limits`)).body).toMatchObject({
      "apply-to": "queues",
      definition: { "message-ttl": 5000, "max-length": 10 },
    });
    const read = await rabbit.provider.read(type, made.id, made.outputs, made.inputs);
    expect(read).toEqual({ id: made.id, outputs: made.outputs, inputs: made.inputs });
    expect((await rabbit.provider.read(type, made.id)).inputs).toEqual(made.inputs);
  });

  it("shows each changed key as drift, and corrects it in place", async () => {
    const inputs = { name: "limits", vhost: "/", policy: settings };
    const outside = { pattern: ".*", priority: 1, "apply-to": "queues", definition: { "message-ttl": 1 } };
    await rabbit.ask("PUT", `${collection}/%2F/limits`, outside);
    const read = await rabbit.provider.read(type, "limits@/", inputs, inputs);
    expect((await rabbit.provider.diff(type, read.inputs, inputs)).detailed).toEqual({
      "policy.pattern": "UPDATE",
      "policy.definition.message-ttl": "UPDATE",
      "policy.definition.max-length": "ADD",
    });
    await rabbit.provider.update(type, read.outputs, inputs);
    expect((await rabbit.provider.read(type, "limits@/", inputs, inputs)).inputs).toEqual(inputs);
  });

  it("is replaced for another name or vhost, and can be deleted twice", async () => {
    const inputs = { name: "limits", vhost: "/", policy: settings };
    const { replaces, deleteBeforeReplace } = await rabbit.provider.diff(type, inputs, { ...inputs, name: "l2" });
    expect({ replaces, deleteBeforeReplace }).toEqual({ replaces: ["name"], deleteBeforeReplace: false });
    await rabbit.provider.delete(type, "limits@/", inputs);
    await rabbit.provider.delete(type, "limits@/", inputs);
    expect((await rabbit.provider.read(type, "limits@/", inputs, inputs)).id).toBe("");
  });
});

describe("Policy", () => {
  it("sends the nodes of `ha-mode: nodes` as a list", async () => {
    const definition = { "ha-mode": "nodes", "ha-params": "rabbit@bunny1,rabbit@bunny2" };
    const settings = { pattern: "^cmc\\.", priority: 0, applyTo: "queues", definition };
    const made = await rabbit.make(policy, { name: "ha-two", vhost: "/", policy: settings });
    expect((await rabbit.ask("GET", "policies/%2F/ha-two")).body).toMatchObject({
      definition: { "ha-params": ["rabbit@bunny1", "rabbit@bunny2"] },
    });
    expect((await rabbit.provider.read(policy, made.id)).inputs).toEqual(made.inputs);
  });
});

describe("Exchange", () => {
  const name = "cmc/x%2F@y";
  const path = `exchanges/%2F/${encodeURIComponent(name)}`;

  it("is created, read, imported and deleted", async () => {
    const given = { name, settings: { type: "topic", durable: true, arguments: { "alternate-exchange": "lost" } } };
    const made = await rabbit.make(exchange, given);
    expect(made).toMatchObject({ id: `${name}@/`, outputs: { vhost: "/", settings: { autoDelete: false } } });
    expect((await rabbit.ask("GET", path)).body).toMatchObject({
      type: "topic",
      durable: true,
      arguments: { "alternate-exchange": "lost" },
    });
    expect((await rabbit.provider.read(exchange, made.id)).inputs).toEqual(made.inputs);
    await rabbit.provider.delete(exchange, made.id, made.outputs);
    await rabbit.provider.delete(exchange, made.id, made.outputs);
    expect((await rabbit.provider.read(exchange, made.id, made.outputs, made.inputs)).id).toBe("");
  });

  it("is replaced for any change, the old one first if the name stays", async () => {
    const made = await rabbit.make(exchange, { name, settings: { type: "topic" } });
    await rabbit.ask("DELETE", path);
    await rabbit.ask("PUT", path, { type: "fanout", durable: false, auto_delete: false, arguments: {} });
    const read = await rabbit.provider.read(exchange, made.id, made.outputs, made.inputs);
    expect(await rabbit.provider.diff(exchange, read.inputs, made.inputs)).toMatchObject({
      replaces: ["settings"],
      detailed: { "settings.type": "UPDATE_REPLACE" },
      deleteBeforeReplace: true,
    });
    const renamed = await rabbit.provider.diff(exchange, made.inputs, { ...made.inputs, name: "other" });
    expect(renamed).toMatchObject({ replaces: ["name"], deleteBeforeReplace: false });
  });

  it("that exists with other settings is left alone, with the difference in the error", async () => {
    await expect(rabbit.make(exchange, { name: "amq.topic", settings: { type: "fanout" } })).rejects.toThrow(
      /exchange "amq.topic" in vhost "\/": .*400 .*received 'fanout' but current is 'topic'; .*import it/,
    );
  });
});

describe("Queue", () => {
  it("accepts typed arguments as JSON, however it is formatted", async () => {
    const made = await rabbit.make(queue, {
      name: "cmc.urp.pull",
      settings: { durable: true, argumentsJson: '{ "x-max-length": 5,\n "x-dead-letter-exchange": "cmc.dead" }' },
    });
    expect((await rabbit.ask("GET", "queues/%2F/cmc.urp.pull")).body).toMatchObject({
      durable: true,
      arguments: { "x-max-length": 5, "x-dead-letter-exchange": "cmc.dead" },
    });
    const same = { durable: true, argumentsJson: '{"x-dead-letter-exchange":"cmc.dead","x-max-length":5}' };
    const other = await rabbit.provider.check(queue, { name: "cmc.urp.pull", settings: same });
    const read = await rabbit.provider.read(queue, made.id, made.outputs, made.inputs);
    expect((await rabbit.provider.diff(queue, read.inputs, other.inputs)).changed).toBe(false);
    expect((await rabbit.provider.read(queue, "cmc.urp.pull@/")).inputs).toEqual(made.inputs);
  });

  it("is replaced for any change, the old one first, and gone when deleted from outside", async () => {
    const made = await rabbit.make(queue, { name: "q", settings: { durable: true } });
    const news = { ...made.inputs, settings: { durable: false, autoDelete: false } };
    expect(await rabbit.provider.diff(queue, made.inputs, news)).toMatchObject({
      detailed: { "settings.durable": "UPDATE_REPLACE" },
      deleteBeforeReplace: true,
    });
    await rabbit.ask("DELETE", "queues/%2F/q");
    expect((await rabbit.provider.read(queue, made.id, made.outputs, made.inputs)).id).toBe("");
    await rabbit.provider.delete(queue, made.id, made.outputs);
  });

  it("sends `arguments` as strings, and says so if the broker expects a number", async () => {
    const settings = { durable: true, arguments: { "x-message-ttl": "5" } };
    await expect(rabbit.make(queue, { name: "texts", settings })).rejects.toThrow(
      /queue "texts" .*x-message-ttl.*put numbers and booleans into `argumentsJson`/,
    );
  });

  it("refuses both kinds of arguments together, text that is not JSON, and unknown settings", async () => {
    const paths = async (settings: { [name: string]: string | object }) =>
      (await rabbit.provider.check(queue, { name: "q", settings: settings as never })).failures.map(({ path }) => path);
    expect(await paths({ arguments: {}, argumentsJson: "{}" })).toEqual(["settings.argumentsJson"]);
    expect(await paths({ argumentsJson: "{nope" })).toEqual(["settings.argumentsJson"]);
    expect(await paths({ durabel: "yes" })).toEqual(["settings.durabel"]);
  });
});

describe("Binding", () => {
  it("is identified by the broker's own key, whatever characters its names and routing key have", async () => {
    const source = "from/100%";
    await rabbit.make(exchange, { name: source, settings: { type: "topic" } });
    await rabbit.make(queue, { name: "to/é", settings: {} });
    const given = { vhost: "/", source, destination: "to/é", destinationType: "queue", routingKey: "a/b~c.#" };
    const made = await rabbit.make(binding, given);
    expect(made.id).toBe("%2F/from%2F100%25/to%2Fé/queue/a%2Fb%7Ec.%23");
    expect(made.outputs.propertiesKey).toBe("a%2Fb%7Ec.%23");
    expect(await rabbit.provider.read(binding, made.id)).toEqual({
      id: made.id,
      outputs: made.outputs,
      inputs: given,
    });
    await rabbit.provider.delete(binding, made.id, made.outputs);
    await rabbit.provider.delete(binding, made.id, made.outputs);
    expect((await rabbit.provider.read(binding, made.id, made.outputs, made.inputs)).id).toBe("");
  });

  it("binds exchanges, with typed arguments, and without a routing key", async () => {
    const place = { vhost: "/", source: "amq.headers", destination: "amq.fanout", destinationType: "exchange" };
    const made = await rabbit.make(binding, { ...place, argumentsJson: '{"x-match": "any", "size": 5}' });
    expect((await rabbit.provider.read(binding, made.id, made.outputs, made.inputs)).inputs).toEqual(made.inputs);
    const bare = await rabbit.make(binding, place);
    expect(bare.outputs.propertiesKey).toBe("~");
    expect((await rabbit.provider.read(binding, bare.id, bare.outputs, bare.inputs)).inputs).toEqual(bare.inputs);
  });

  it("is replaced for any change", async () => {
    const olds = { vhost: "/", source: "a", destination: "b", destinationType: "queue", routingKey: "k" };
    expect(await rabbit.provider.diff(binding, olds, { ...olds, routingKey: "l" })).toMatchObject({
      detailed: { routingKey: "UPDATE_REPLACE" },
      deleteBeforeReplace: false,
    });
  });

  it("reports a missing exchange or queue, and the format of an id", async () => {
    const nowhere = { vhost: "/", source: "amq.topic", destination: "nowhere", destinationType: "queue" };
    await expect(rabbit.make(binding, nowhere)).rejects.toThrow(
      /binding of exchange "amq.topic" to queue "nowhere" in vhost "\/": .*404.*create that first/,
    );
    await expect(rabbit.provider.read(binding, "amq.topic@/")).rejects.toThrow(
      "expected vhost/source/destination/destinationType/propertiesKey",
    );
  });
});
