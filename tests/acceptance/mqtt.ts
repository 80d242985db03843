import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventTopic } from "../../agents/lib/wis-rules.ts";
import { mqttPortOf } from "../../infra/config/brokers.ts";
import { publicServers } from "../../infra/model/public-servers.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import type { Verification } from "../../scripts/inspect/verify/judge.ts";
import { hostRoot } from "../../scripts/lab/ssh.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig, until, warren } from "./subject.ts";

const withinMs = 60_000;
/** The plugin's start, the alert's minute, and as much again on a busy machine. */
const eventWithinMs = 240_000;

/** A subscriber over MQTT with a session, at a stack whose watcher announces WIS2 notifications and whose monitor publishes events. */
export function servedOverMqtt(): void {
  part("subscribers over MQTT", () => {
    const received: { readonly topic: string; readonly text: string }[] = [];
    const has = (what: string, topic: string, text: RegExp, forMs = withinMs) =>
      until(what, forMs, async () => received.some((one) => one.topic.startsWith(topic) && text.test(one.text)));
    let client: MqttClient;
    let host: string;
    let topics: { readonly data: string; readonly events: string };

    beforeAll(async () => {
      const config = await stackConfig();
      const [server] = publicServers(config);
      const broker = server && config.brokers[server.config.broker];
      if (!broker?.mqtt || !server?.config.wis)
        throw new TypeError("the stack has no public data server with MQTT and WIS2");
      host = server.host;
      const { centre } = server.config.wis;
      topics = { data: `origin/a/wis2/${centre}/`, events: eventTopic(centre).replaceAll(".", "/") };
      const ca = await readOperatorCa(lab);
      client = mqtt.connect(`mqtts://${config.hosts[host]?.address}:${mqttPortOf(broker, broker.mqtt)}`, {
        ...{ protocolVersion: 5, username: "everyone", password: "everyone", clean: false, clientId: "acceptance" },
        properties: { sessionExpiryInterval: 3600 },
        ...(ca === undefined ? {} : { ca }),
      });
      client.on("message", (topic, body) => received.push({ topic, text: body.toString() }));
      // The library tries again by itself.
      client.on("error", () => {});
      await client.subscribeAsync([`${topics.data}#`, topics.events], { qos: 1 });
    });
    afterAll(() => client.endAsync(true));

    it("are notified of changes in watched trees", async () => {
      const tree = join(await hostRoot(lab, host), "apps/dd/public/citypage_weather");
      await writeFile(join(tree, ".mqtt.tmp"), "<weather/>\n");
      await rename(join(tree, ".mqtt.tmp"), join(tree, "mqtt_e.xml"));
      await has("a notification of mqtt_e.xml", topics.data, /citypage_weather\/mqtt_e\.xml/);
    });

    it("hear of an outage that verify names, and of its end, in the session", {
      timeout: 4 * eventWithinMs,
    }, async () => {
      try {
        await on(host, "rabbitmq-plugins disable rabbitmq_mqtt");
        const { output } = await warren(["verify", "-s", lab, "--json"]);
        const { steps } = JSON.parse(output.slice(output.indexOf("{"))) as Verification;
        expect(steps).toContainEqual(expect.objectContaining({ host, id: "mqtt-is-served", verdict: "broken" }));
        const firing =
          "amtool --alertmanager.url=http://127.0.0.1:9093 alert query alertname=MqttUnserved | grep -c MqttUnserved";
        await until(
          "the page of MqttUnserved",
          eventWithinMs,
          async () => Number((await on("px-1", `${firing} || true`)).stdout) > 0,
        );
      } finally {
        await on(host, "rabbitmq-plugins enable rabbitmq_mqtt");
      }
      await has("the outage", topics.events, /"CRITICAL".*over MQTT/, eventWithinMs);
      await has("its end", topics.events, /"INFO".*over MQTT/, eventWithinMs);
    });
  });
}
