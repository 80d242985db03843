import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { connect } from "amqplib";
import { parseStackConfig } from "../../infra/config/index.ts";
import { definitionsFile } from "../../infra/model/broker-settings.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import { contentOf, fixtureSecrets, hostOf } from "../../infra/model/fixture.ts";
import { brokerCertificateFile } from "../../infra/model/tls.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { type LocalBroker, type LocalBrokerPorts, startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import { findNewerRabbitmq } from "../rigs/newer-broker.ts";
import { makeCertificate } from "../rigs/test-certificates.ts";

/** A broker with MQTT, configured as the model configures one: its files, users, exchanges and policies. */
export interface MqttBroker {
  readonly broker: LocalBroker;
  /** MQTT with TLS, without, and over WebSockets with TLS. */
  readonly ports: { readonly tls: number; readonly plain: number; readonly web: number };
  readonly caFile: string;
  /** The management API's answer to a GET, or to a PUT of `body`. */
  api(path: string, body?: object): Promise<unknown>;
  /** Number of subscriptions. */
  bindings(): Promise<number>;
}

const member = "dd1";

/** The stack of a broker with the test's own ports. */
function stackWith(at: LocalBrokerPorts, mqtt: MqttBroker["ports"], outsiders: object) {
  const broker = {
    ...{ members: [member], series: "4.0", port: at.amqp, tlsPort: at.amqps, plainText: true, outsiders },
    management: { port: at.amqps + 1, plainPort: at.management, address: "127.0.0.1" },
    mqtt: { tlsPort: mqtt.tls, port: mqtt.plain, webPort: mqtt.web },
  };
  const values = {
    ssh: { user: "root", privateKeyFile: "keys/id_ed25519" },
    hosts: { [member]: { address: "192.0.2.1", roles: ["bunny"], release: "trixie" } },
    brokers: { dd: broker },
    announcements: { broker: "dd" },
    secrets: fixtureSecrets,
  };
  return parseStackConfig(values, "the stack");
}

/** Addresses of this machine for which its certificate is valid. */
export const mqttAddresses = ["127.0.0.1", "127.0.0.2"] as const;

/** Starts RabbitMQ 4.0. @param folder of the test; the broker has its own. @param outsiders limits other than the defaults */
export async function startMqttBroker(folder: string, outsiders = {}): Promise<MqttBroker> {
  const names = mqttAddresses.map((address) => `IP:${address}`);
  const certificate = await makeCertificate(folder, "own", names);
  const both = [certificate.certificateFile, certificate.keyFile].map((file) => readFileSync(file));
  writeFileSync(path.join(folder, "server.pem"), Buffer.concat(both));
  const ports = { tls: await freePort(), plain: await freePort(), web: await freePort() };
  let config = stackWith({ amqp: 5672, amqps: 5671, management: 15_672 }, ports, outsiders);
  writeFileSync(path.join(folder, "definitions.json"), contentOf(hostOf(member, config), definitionsFile));
  const broker = await startLocalBroker({
    binaries: await findNewerRabbitmq(),
    tls: certificate,
    plugins: ["rabbitmq_mqtt", "rabbitmq_web_mqtt"],
    adminUser: "root",
    adminPassword: fixtureSecrets.passwords.root,
    configurationName: "rabbitmq.conf",
    configuration(at) {
      config = stackWith(at, ports, outsiders);
      return contentOf(hostOf(member, config), "/etc/rabbitmq/rabbitmq.conf")
        .replaceAll(definitionsFile, path.join(folder, "definitions.json"))
        .replaceAll(brokerCertificateFile, path.join(folder, "server.pem"));
    },
  });
  const authorization = `Basic ${Buffer.from(`root:${broker.adminPassword}`).toString("base64")}`;
  const api: MqttBroker["api"] = async (at, body) => {
    const sent = body ? { method: "PUT", body: JSON.stringify(body) } : {};
    const answer = await fetch(`${broker.managementUrl}/api/${at}`, {
      headers: { authorization, "content-type": "application/json" },
      ...sent,
    });
    if (!answer.ok) throw new Error(`${at}: ${answer.status} ${await answer.text()}`);
    return body ? undefined : answer.json();
  };
  const source = `rabbit_misc:r(<<"/">>, exchange, <<"xpublic">>)`;
  const bindings = async () =>
    Number(/\d+/.exec(await broker.evaluate(`length(rabbit_binding:list_for_source(${source}))`))?.[0]);
  try {
    await createObjects(broker, api, config);
  } catch (error) {
    await broker.stop();
    throw error;
  }
  return { broker, ports, caFile: certificate.caFile, api, bindings };
}

/** What `up` creates at the broker. */
async function createObjects(broker: LocalBroker, api: MqttBroker["api"], config: ReturnType<typeof stackWith>) {
  const [cluster] = clusterModels(config);
  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  for (const { name, type } of cluster?.exchanges ?? []) await channel.assertExchange(name, type, { durable: true });
  await connection.close();
  for (const { name, password, permissions, topicPermissions = [] } of cluster?.users ?? []) {
    if (name === broker.adminUser) continue;
    await api(`users/${name}`, { password, tags: "" });
    for (const one of topicPermissions) await api(`topic-permissions/%2F/${name}`, one);
    if (permissions) await api(`permissions/%2F/${name}`, permissions);
  }
  for (const { name, pattern, applyTo, ...rest } of cluster?.operatorPolicies ?? [])
    await api(`operator-policies/%2F/${name}`, { pattern, "apply-to": applyTo, ...rest });
  await api("vhost-limits/%2F/max-queues", { value: cluster?.limits?.queuesMax });
  for (const { name, limits } of cluster?.limits?.users ?? [])
    if (limits) await api(`user-limits/${name}/max-connections`, { value: limits.connectionsMax });
}
