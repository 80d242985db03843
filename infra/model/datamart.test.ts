import { describe, expect, it } from "vitest";
import { configSchema as queueManagerSchema } from "../../agents/queue-manager/config.ts";
import { configSchema as watcherSchema } from "../../agents/watcher/config.ts";
import { matches } from "../checks/expressions.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { contentOf, exporterUnits, fixtureConfig, fixtureModel, hostOf, stackValues } from "./fixture.ts";

const config = fixtureConfig();
const dd = (given: StackConfig = config) => hostOf("wxo-b1", given);
const readConfig = (name: string, given?: StackConfig) => JSON.parse(contentOf(dd(given), `/etc/warren/${name}.json`));

describe("the public data server", () => {
  it("has its own broker, a web server, a watcher and a queue manager", () => {
    expect(dd().units.map((unit) => unit.name)).toEqual([
      "rabbitmq-server.service",
      "warren-firewall.service",
      "apache2.service",
      "ssh.service",
      "vsftpd.service",
      "warren-watcher.service",
      "warren-queue-manager.service",
      "warren-bridge-sr3-posts.service",
      ...exporterUnits,
    ]);
    expect(contentOf(dd(), "/etc/apache2/conf-enabled/warren-datamart.conf")).toContain("Alias / /apps/dd/public/");
  });

  it("has configs that its agents accept", () => {
    expect(watcherSchema.safeParse(readConfig("watcher")).error?.issues).toBeUndefined();
    expect(queueManagerSchema.safeParse(readConfig("queue-manager")).error?.issues).toBeUndefined();
    expect(readConfig("watcher")).toMatchObject({
      baseUrl: "http://wxo-b1.cmc.ec.gc.ca/",
      broker: { hosts: ["127.0.0.1:5672"] },
    });
    const base = { ...config, datamart: { ...config.datamart, baseUrl: "http://dd1.weather.gc.ca/" } };
    expect(readConfig("watcher", base as StackConfig).baseUrl).toBe("http://dd1.weather.gc.ca/");
  });

  it("has all announcements on both exchanges, under the topics that its agents use", () => {
    const bindings = fixtureModel(config).clusters.find(({ name }) => name === "wxo-b1")?.exchangeBindings;
    expect(bindings?.map(({ source, destination, key }) => `${source} ${destination} ${key}`)).toEqual(
      ["exp.dd.notify.#", "v02.post.#", "v03.#"].flatMap((key) => [`cmc xpublic ${key}`, `xpublic cmc ${key}`]),
    );
    expect(fixtureModel(config).clusters[0]?.exchangeBindings).toEqual([]);
    const other = {
      ...config,
      datamart: { ...config.datamart, notifyTopic: "exp.ddi.notify", formats: ["exp", "v00"] },
    };
    const { formats, topicPrefixes } = readConfig("watcher", other as StackConfig);
    expect(formats.map((format: "exp" | "v00") => topicPrefixes[format])).toEqual(["exp.ddi.notify", "v00.dd.notify"]);
  });

  it("has no watcher without watched trees", () => {
    const none = { ...config, datamart: { ...config.datamart, watchedTrees: [] } } as unknown as StackConfig;
    expect(dd(none).units.map((unit) => unit.name)).not.toContain("warren-watcher.service");
  });

  it("creates folders of trees from the top down", () => {
    const deep = { ...config, datamart: { ...config.datamart, watchedTrees: ["citypage_weather/xml"] } };
    const paths = dd(deep as unknown as StackConfig).directories.map(({ path }) => path);
    expect(paths.filter((path) => path.includes("citypage"))).toEqual([
      "/apps/dd/public/citypage_weather",
      "/apps/dd/public/citypage_weather/xml",
    ]);
  });
});

describe("its broker", () => {
  const cluster = fixtureModel(config).clusters.find(({ name }) => name === "wxo-b1");
  const permissionsOf = (user: string) => cluster?.users.find(({ name }) => name === user)?.permissions;

  it("allows anonymous to read public objects, and to have its own queues", () => {
    const anonymous = permissionsOf("anonymous");
    const may = (kind: "configure" | "write" | "read", names: string[]) =>
      names.filter((name) => matches(anonymous?.[kind] ?? "", name));
    const names = ["xpublic", "cmc", "q_anonymous.radar", "q_other", "cmc.urp.pull"];
    expect(may("configure", names)).toEqual(["q_anonymous.radar"]);
    expect(may("write", names)).toEqual(["q_anonymous.radar"]);
    expect(may("read", names)).toEqual(["xpublic", "cmc", "q_anonymous.radar"]);
  });

  it("allows the queue manager to unbind and delete any queue that the stack doesn't know, and nothing else", () => {
    const manager = permissionsOf("queue-manager");
    const may = (kind: "configure" | "write" | "read", names: string[]) =>
      names.filter((name) => matches(manager?.[kind] ?? "", name));
    const strangers = ["q_anonymous.radar", "amq.gen-1", "cmcx", "cmc.x", "cmc.urp.pull", "cmc.receiver.urls2"];
    const known = ["cmc.receiver.urls", "cmc.bridge.sr3-posts", "cmc.urp.dead"];
    const exchanges = ["xpublic", "cmc", "cmc.dead"];
    const predeclared = ["amq.default", "amq.topic", "amq.direct"];
    const names = [...strangers, ...known, ...exchanges, ...predeclared];
    expect(may("configure", names)).toEqual(strangers);
    expect(may("write", names)).toEqual(strangers);
    expect(may("read", names)).toEqual([...strangers, ...exchanges, ...predeclared]);
    expect(cluster?.users.find(({ name }) => name === "queue-manager")?.tags).toEqual(["management"]);
  });

  it("keeps queues that the stack knows, by their exact names, and those that its patterns exempt", () => {
    const values = stackValues("lab") as {
      brokers: Record<string, object>;
      datamart: { queueManager: Record<string, unknown> };
    };
    Object.assign(values.brokers["wxo-b1"] ?? {}, { queues: [{ name: "archive" }] });
    values.datamart.queueManager = { exempt: ["^partner\\."] };
    const given = parseStackConfig(values as Record<string, unknown>, "stack lab");
    expect(readConfig("queue-manager", given)).toMatchObject({
      dryRun: false,
      keep: [
        ...["^cmc\\.receiver\\.urls$", "^cmc\\.bridge\\.sr3-posts$", "^cmc\\.urp\\.dead$", "^archive$"],
        "^partner\\.",
      ],
      classes: [{ pattern: "", messagesMax: 25_000, bytesMax: 50_000_000, deleteAfterSeconds: 86_400 }],
    });
  });

  it("limits queues of clients, whatever they declare", () => {
    expect(cluster?.operatorPolicies).toEqual([
      expect.objectContaining({
        definition: { "max-length": 25_000, "max-length-bytes": 50_000_000, expires: 604_800_000 },
      }),
    ]);
    expect(cluster?.policies).toEqual([]);
  });
});
