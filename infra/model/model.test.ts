import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { configSchema as announcerSchema } from "../../agents/announcer/config.ts";
import { composeAnnouncement } from "../../agents/announcer/product.ts";
import { configSchema as dispatcherSchema } from "../../agents/dispatcher/config.ts";
import { isAllowed } from "../../agents/lib/allowed-hosts.ts";
import { configSchema as pullerSchema } from "../../agents/puller/config.ts";
import { candidate } from "../commands/files.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { clusterModels } from "./cluster.ts";
import {
  contentOf,
  exporterPackages,
  exporterUnits,
  fixtureArtifacts,
  fixtureConfig,
  fixtureModel,
  fixtureSecrets,
  hostOf as host,
  stackValues,
} from "./fixture.ts";
import { buildModel } from "./index.ts";
import { hashPassword } from "./rabbitmq.ts";
import type { HostModel } from "./types.ts";

const stacks = ["lab", "lab4", "op", "dev"] as const;
const hostsOf = (stack: string) => fixtureModel(fixtureConfig(stack)).hosts;

const schemas = { announcer: announcerSchema, dispatcher: dispatcherSchema, puller: pullerSchema } as const;
const readConfig = <Name extends keyof typeof schemas>(model: HostModel, name: Name) =>
  JSON.parse(contentOf(model, `/etc/warren/${name}.json`));

describe("buildModel", () => {
  it.each(stacks)("gives identical models for the same config of stack %s, and does not change the config", (stack) => {
    const config = fixtureConfig(stack);
    const before = JSON.stringify(config);
    const [first, second] = [config, fixtureConfig(stack)].map((one) => buildModel(stack, one, fixtureArtifacts));
    expect(JSON.stringify(first)).toBe(JSON.stringify(second));
    expect(JSON.stringify(config)).toBe(before);
  });

  const roles: [string, string[], string[], string[]][] = [
    ["urp-1", ["apache2", "inotify-tools"], ["apache2.service", "warren-announcer.service"], ["node", "announcer"]],
    [
      "bunny1",
      ["rabbitmq-server", "nftables", "keepalived"],
      [
        "rabbitmq-server.service",
        "warren-firewall.service",
        "warren-vip.service",
        "keepalived.service",
        "warren-broker-health.timer",
        "warren-dispatcher.service",
      ],
      ["node", "dispatcher"],
    ],
    ["pds-1", [], ["warren-puller.service"], ["node", "puller"]],
  ];
  it.each(roles)("gives %s only the packages, units and programs of its role", (name, packages, units, artifacts) => {
    const model = host(name);
    expect(model.packages.map((one) => one.name)).toEqual([...packages, ...exporterPackages]);
    expect(model.units.map((unit) => unit.name)).toEqual([...units, ...exporterUnits]);
    expect(model.artifacts.map((artifact) => artifact.name)).toEqual(artifacts);
  });

  it("gives a host with two roles the things of both, and shared ones once", () => {
    const config = fixtureConfig();
    const both = {
      ...config,
      hosts: { ...config.hosts, "urp-1": { ...config.hosts["urp-1"], roles: ["urp", "pds"] } },
    };
    const model = host("urp-1", both as StackConfig);
    expect(model.units.map((unit) => unit.name)).toEqual([
      "apache2.service",
      "warren-announcer.service",
      "warren-puller.service",
      ...exporterUnits,
    ]);
    expect(model.artifacts.map((artifact) => artifact.name)).toEqual(["node", "announcer", "puller"]);
    expect(model.files.filter((file) => file.path === "/etc/warren/secrets/broker-password")).toHaveLength(1);
  });

  it("connects to a host by its own ssh settings, else by warren:ssh, and to its jump host directly", () => {
    const { via, ...connection } = host("pds-5").connection;
    expect(connection).toMatchObject({ address: "10.203.0.35", user: "ops", port: 22 });
    expect(via).toMatchObject({ host: "urp-1", address: "10.203.0.11", user: "root" });
    expect(via).not.toHaveProperty("via");
    expect(host("pds-4").connection).not.toHaveProperty("via");
  });
});

describe.each(stacks)("every host of stack %s", (stack) => {
  it("has every path, package and unit once", () => {
    for (const model of hostsOf(stack)) {
      const paths = [...model.files, ...model.artifacts, ...model.directories].map((place) => place.path);
      expect(new Set(paths).size, model.name).toBe(paths.length);
      for (const things of [model.packages, model.units, model.accounts]) {
        expect(new Set(things.map((thing) => thing.name)).size, model.name).toBe(things.length);
      }
    }
  });

  it("has no folder of root that others can write to", () => {
    for (const { name, directories } of hostsOf(stack)) {
      const open = directories.filter(({ owner, mode }) => owner === "root" && /[2367]/.test(mode.slice(2)));
      expect(open, name).toEqual([]);
    }
  });

  it("has only owners that exist: root, or an account that is created first", () => {
    for (const model of hostsOf(stack)) {
      const accounts = new Set(["root", ...model.accounts.map((account) => account.name)]);
      for (const place of [...model.files, ...model.directories, ...model.artifacts]) {
        expect(accounts, `${model.name} ${place.path}`).toContain(place.owner);
        // Only the sticky bit.
        expect(place.mode).toMatch(/^[01][0-7]{3}$/);
      }
    }
  });

  it("has all files that its units read", () => {
    for (const model of hostsOf(stack)) {
      const paths = new Set([...model.files, ...model.artifacts].map((file) => file.path));
      for (const unit of model.units) {
        expect(unit.reads.length, unit.name).toBeGreaterThan(0);
        expect(
          unit.reads.filter((path) => !paths.has(path)),
          unit.name,
        ).toEqual([]);
      }
    }
  });

  it("has validators that get the candidate and are installed: packages precede such files", () => {
    const validated = hostsOf(stack).flatMap((model) => model.files.filter((file) => file.validate));
    expect(validated.length).toBeGreaterThan(0);
    for (const file of validated) {
      expect(file.validate?.join(" "), file.path).toContain(candidate);
      // A file before packages is validated only if its validator is installed.
      if (file.validator === undefined) expect(file.order, file.path).toBe("after-packages");
      else expect(file.validate?.[0]).toBe(file.validator);
    }
  });

  it("has secrets only in marked files that only their owner can read", () => {
    const secrets = [fixtureSecrets.erlangCookie, ...Object.values(fixtureSecrets.passwords)];
    for (const model of hostsOf(stack)) {
      for (const file of model.files) {
        if (secrets.some((secret) => file.content.includes(secret))) expect(file.secret, file.path).toBe(true);
        if (file.secret) expect(file.mode, file.path).toMatch(/^0[46]00$/);
      }
    }
  });

  it("has configs that the agents accept", () => {
    const taken = hostsOf(stack).flatMap((model) =>
      Object.entries(schemas).flatMap(([name, schema]) => {
        if (!model.files.some((file) => file.path === `/etc/warren/${name}.json`)) return [];
        const parsed = schema.safeParse(readConfig(model, name as keyof typeof schemas));
        expect(parsed.error?.issues, `${model.name} ${name}`).toBeUndefined();
        return [name];
      }),
    );
    expect(new Set(taken)).toEqual(new Set(Object.keys(schemas)));
  });

  it("knows every host and virtual IP by its full name, and by its name in the stack", () => {
    const config = fixtureConfig(stack);
    for (const model of hostsOf(stack)) {
      const lines = contentOf(model, "/etc/hosts").split("\n");
      for (const [name, { address }] of [...Object.entries(config.hosts), ...Object.entries(config.virtualIps)]) {
        expect(lines, model.name).toContain(`${address} ${name}.cmc.ec.gc.ca ${name}`);
      }
    }
  });
});

it("a host knows others by their aliases too", () => {
  const config = fixtureConfig();
  const urp = { ...config.hosts["urp-1"], aliases: ["radar.example.com"] } as StackConfig["hosts"][string];
  const lines = contentOf(host("pds-1", { ...config, hosts: { ...config.hosts, "urp-1": urp } }), "/etc/hosts");
  expect(lines).toContain(`${urp.address} urp-1.cmc.ec.gc.ca urp-1 radar.example.com\n`);
});

describe("the two users between which the agents alternate", () => {
  const withTwin = (user: string): StackConfig => {
    const values = stackValues("lab") as { secrets: { passwords: object }; announcements: object };
    const passwords = { ...values.secrets.passwords, "feeder-b": "twin-of-the-tests" };
    const announcements = { ...values.announcements, user };
    return parseStackConfig({ ...values, announcements, secrets: { ...values.secrets, passwords } }, "lab");
  };

  it("exist with the same rights at every broker once the second has a password", () => {
    expect(clusterModels(fixtureConfig()).flatMap(({ users }) => users.map(({ name }) => name))).not.toContain(
      "feeder-b",
    );
    for (const user of ["feeder", "feeder-b"]) {
      for (const { users } of clusterModels(withTwin(user))) {
        const [one, twin] = ["feeder", "feeder-b"].map((name) => users.find((found) => found.name === name));
        expect(twin).toEqual({ ...one, name: "feeder-b", password: "twin-of-the-tests" });
      }
    }
  });

  it("are used by the agents as the config says", () => {
    const model = fixtureModel(withTwin("feeder-b"));
    const puller = model.hosts.find(({ name }) => name === "pds-1");
    const content = (path: string) => puller?.files.find((file) => file.path === path)?.content ?? "";
    expect(JSON.parse(content("/etc/warren/puller.json")).broker.user).toBe("feeder-b");
    expect(content("/etc/warren/secrets/broker-password")).toBe("twin-of-the-tests");
    expect(() => {
      const values = stackValues("lab") as { announcements: object };
      parseStackConfig({ ...values, announcements: { ...values.announcements, user: "feeder-b" } }, "lab");
    }).toThrow(/secrets\.passwords\.feeder-b: expected a secret/);
  });
});

describe("the agents' configs", () => {
  it("connect announcers and pullers to the virtual IP", () => {
    expect(readConfig(host("urp-1"), "announcer").broker.hosts).toEqual(["amqps://10.203.0.50:5671"]);
    expect(readConfig(host("pds-1"), "puller").broker.hosts).toEqual(["amqps://10.203.0.50:5671"]);
  });

  it.each([
    [
      "smallest",
      { dispatcherPrefetch: 8, entriesMax: 1000, dedupWindowSeconds: 1, doubtSeconds: 1, silenceSeconds: 1 },
    ],
    [
      "largest",
      {
        ...{ dispatcherPrefetch: 10_000, entriesMax: 10_000_000, dedupWindowSeconds: 604_800 },
        ...{ doubtSeconds: 1200, silenceSeconds: 86_400 },
      },
    ],
  ])("have values that the dispatcher accepts if the stack's are the %s", (_, bounds) => {
    const values = stackValues("lab");
    const announcements = { ...(values.announcements as object), ...bounds };
    const config = parseStackConfig({ ...values, announcements }, "stack lab");
    const text = contentOf(host("bunny1", config), "/etc/warren/dispatcher.json");
    expect(dispatcherSchema.safeParse(JSON.parse(text)).error?.issues).toBeUndefined();
  });

  it("connect dispatchers to the broker on their host first, then to the others", () => {
    expect(readConfig(host("bunny2"), "dispatcher").broker.hosts).toEqual([
      "127.0.0.1:5672",
      "amqps://10.203.0.21:5671",
    ]);
  });

  it("use TLS to other hosts if the broker has it, and no TLS within the host", () => {
    const config = fixtureConfig("lab4");
    const bunny = { ...(config.brokers.bunny as StackConfig["brokers"][string]), tls: true };
    const secure = { ...config, brokers: { bunny } };
    const tls = { caFile: "/etc/warren/tls/ca.pem" };
    expect(readConfig(host("pds-1", secure), "puller").broker).toMatchObject({
      hosts: ["amqps://10.203.4.50:5671"],
      tls,
    });
    expect(readConfig(host("bunny2", secure), "dispatcher").broker).toMatchObject({
      hosts: ["127.0.0.1:5672", "amqps://10.203.4.21:5671", "amqps://10.203.4.23:5671"],
      tls,
    });
  });

  it("declare queues as the broker's series replicates them", () => {
    const queueType = (config: StackConfig) => readConfig(host("pds-1", config), "puller").broker.queueType;
    expect(queueType(fixtureConfig("lab"))).toBe("classic");
    expect(queueType(fixtureConfig("lab4"))).toBe("quorum");
  });

  it("agree on the dispatcher's inputs and outputs, whatever the names of topics and queues", () => {
    const config = fixtureConfig();
    const renamed = {
      ...config,
      announcements: {
        ...config.announcements,
        ...{ exchange: "x", inputTopic: "a.b", notifyTopic: "c.d", pullQueue: "cmc.q", productRoot: "/srv/tree" },
      },
    };
    const announcer = readConfig(host("urp-1", renamed), "announcer");
    const dispatcher = readConfig(host("bunny1", renamed), "dispatcher");
    const puller = readConfig(host("pds-1", renamed), "puller");
    expect(new Set([announcer.exchange, dispatcher.exchange, puller.exchange])).toEqual(new Set(["x"]));
    expect(announcer.topicPrefix).toBe(dispatcher.inputTopic);
    expect(puller.bindingKeys).toEqual([`${dispatcher.notifyTopic}.#`, `${dispatcher.twinTopic}.#`]);
    const shared = ({ notifyTopic, alternateTopic, twinTopic, pulledTopic }: typeof dispatcher | typeof puller) => [
      ...[notifyTopic, alternateTopic, twinTopic, pulledTopic],
    ];
    expect(shared(puller)).toEqual(shared(dispatcher));
    expect(dispatcher.outputQueues).toEqual([puller.queue]);
    expect(announcer).toMatchObject({ rootDirectory: "/srv/tree", pathPrefix: "tree" });
  });

  it("make the requirement's example of an announcement, byte for byte", () => {
    const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
    const config = announcerSchema.parse(readConfig(host("urp-1"), "announcer"));
    const composed = composeAnnouncement(`20150120/RADAR/URP/IWA/${name}`, { size: 498081, changedMs: 0 }, config);
    expect(composed.ok && composed.value.message.body.toString()).toBe(
      `a985c32cbdee8af2ab5d7b8f6022e781 498081 http://urp-1.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/${name}`,
    );
  });

  it("announce the base URL of the config, with a host's names in it", () => {
    const { domain: _, ...short } = fixtureConfig();
    const baseUrlOf = (config: StackConfig, baseUrl = config.announcements.baseUrl) =>
      readConfig(host("urp-1", { ...config, announcements: { ...config.announcements, baseUrl } }), "announcer")
        .baseUrl;
    expect(baseUrlOf(short)).toBe("http://urp-1/");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: warren fills it in
    expect(baseUrlOf(fixtureConfig(), "http://${host}:8080/")).toBe("http://urp-1:8080/");
    const urp = { ...short.hosts["urp-1"], fqdn: "radar.example.com" } as StackConfig["hosts"][string];
    expect(baseUrlOf({ ...fixtureConfig(), hosts: { ...short.hosts, "urp-1": urp } })).toBe(
      "http://radar.example.com/",
    );
  });

  it("allow pullers to fetch from the announcers' servers, and from those that the config adds", () => {
    const config = fixtureConfig("lab");
    const pullable = ({ baseUrl }: { baseUrl: string }, from: StackConfig) =>
      isAllowed(new URL(baseUrl), readConfig(host("pds-1", from), "puller").allowedHosts ?? []);
    for (const urp of ["urp-1", "urp-2"]) {
      expect(pullable(readConfig(host(urp), "announcer"), config)).toBe(true);
      // Announcements from before it had a full name.
      expect(pullable({ baseUrl: `http://${urp}/` }, config)).toBe(true);
    }
    for (const baseUrl of ["http://urp-1:9101/", "http://wxo-b1/", "http://127.0.0.1:9103/", "http://other:8080/"]) {
      expect(pullable({ baseUrl }, config), baseUrl).toBe(false);
    }
    const more = { ...config, announcements: { ...config.announcements, allowedHosts: ["other:8080"] } };
    expect(pullable({ baseUrl: "http://other:8080/" }, more)).toBe(true);
    expect(readConfig(host("pds-1", more), "puller").allowedHosts).toEqual([
      ...["urp-1", "urp-1.cmc.ec.gc.ca", "urp-2", "urp-2.cmc.ec.gc.ca"].map((name) => `${name}:80`),
      "other:8080",
    ]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: warren fills it in
    const elsewhere = { ...config, announcements: { ...config.announcements, baseUrl: "https://${host}.example/" } };
    expect(pullable(readConfig(host("urp-2", elsewhere), "announcer"), elsewhere)).toBe(true);
  });

  it("remember a placed product for less time than the dispatcher", () => {
    const remembered = (announcements: object) => {
      const config = fixtureConfig("lab");
      const changed = { ...config, announcements: { ...config.announcements, ...announcements } };
      return readConfig(host("pds-1", changed), "puller").placedRememberedSeconds;
    };
    expect(remembered({})).toBe(1800);
    expect(remembered({ dedupWindowSeconds: 600 })).toBe(150);
    expect(remembered({ dedupWindowSeconds: 1 })).toBe(0);
    expect(remembered({ placedRememberedSeconds: 60 })).toBe(60);
  });

  it("announce again only where brokers may discard confirmed messages", () => {
    expect(readConfig(host("urp-1"), "announcer")).toMatchObject({ reannounceSeconds: 600 });
    expect(readConfig(host("urp-1", fixtureConfig("lab4")), "announcer")).not.toHaveProperty("reannounceSeconds");
  });

  it("inform keepalived of the dispatcher's exit, and restart the active dispatcher last", () => {
    const unitOf = (name: string, config = fixtureConfig("lab4")) =>
      host(name, config).units.find((unit) => unit.name === "warren-dispatcher.service");
    expect(["bunny1", "bunny2", "bunny3"].map((name) => unitOf(name)?.after)).toEqual([
      ["bunny2 warren-dispatcher.service"],
      ["bunny3 warren-dispatcher.service"],
      [],
    ]);
    const service = "/etc/systemd/system/warren-dispatcher.service";
    expect(contentOf(host("bunny2"), service)).toContain("ExecStopPost=-+/usr/local/lib/warren/stand-back ended");
    const without = { ...fixtureConfig(), virtualIps: {} };
    Object.assign(without, { brokers: { bunny: { ...without.brokers.bunny, virtualIp: undefined } } });
    expect(contentOf(host("bunny2", without), service)).not.toContain("stand-back");
  });

  it("expect receipts if there are pullers", () => {
    const { hosts, ...rest } = fixtureConfig();
    const alone = Object.fromEntries(Object.entries(hosts).filter(([, { roles }]) => !roles.includes("pds")));
    expect(readConfig(host("bunny1"), "dispatcher").receipts).toBe(true);
    expect(readConfig(host("bunny1", { ...rest, hosts: alone }), "dispatcher").receipts).toBe(false);
  });

  it("connect to the members if there is no virtual IP; the dispatcher is then always active", () => {
    const config = fixtureConfig();
    const { virtualIp: _, ...bunny } = config.brokers.bunny as StackConfig["brokers"][string];
    const without = { ...config, brokers: { bunny } };
    expect(readConfig(host("pds-1", without), "puller").broker.hosts).toEqual([
      "amqps://10.203.0.21:5671",
      "amqps://10.203.0.22:5671",
    ]);
    expect(readConfig(host("bunny1", without), "dispatcher")).not.toHaveProperty("vip");
  });
});

describe("a broker host", () => {
  it("of 3.10 stops without the management plugin's pause, whether it holds the address or not", () => {
    const stops = (name: string, config = fixtureConfig()) =>
      host(name, config)
        .files.filter(({ path }) => path.includes("/rabbitmq-server.service.d/"))
        .flatMap(({ content }) => content.match(/^ExecStop=\S.*$/gm) ?? []);
    const away = expect.stringContaining("/down");
    const pause = expect.stringContaining("delete_handler");
    const stop = "ExecStop=/usr/sbin/rabbitmqctl stop";
    expect(stops("bunny1")).toEqual([away, pause, stop]);
    expect(stops("wxo-b1")).toEqual([pause, stop]);
    expect(stops("bunny1", fixtureConfig("lab4"))).toEqual([away, stop]);
  });

  it("has its administrator's password as RabbitMQ hashes it: base64(salt4 || sha256(salt4 || password))", () => {
    const { users } = JSON.parse(contentOf(host("bunny1"), "/etc/rabbitmq/warren-definitions.json"));
    expect(users).toHaveLength(1);
    const bytes = Buffer.from(users[0].password_hash, "base64");
    expect(bytes).toHaveLength(36);
    const salt = bytes.subarray(0, 4);
    const expected = createHash("sha256").update(salt).update(fixtureSecrets.passwords.root).digest();
    expect(bytes.subarray(4)).toEqual(expected);
    expect(users[0]).toMatchObject({ name: "root", hashing_algorithm: "rabbit_password_hashing_sha256" });
  });

  it("derives salts from user and password, so that equal passwords don't show and nothing changes without reason", () => {
    expect(hashPassword("root", "password")).toBe(hashPassword("root", "password"));
    expect(hashPassword("root", "password")).not.toBe(hashPassword("feeder", "password"));
    expect(hashPassword("root", "password").slice(0, 5)).not.toBe(hashPassword("root", "another").slice(0, 5));
  });

  it("has its package pinned to the held series", () => {
    expect(host("bunny1").packages).toContainEqual({ name: "rabbitmq-server", series: "3.10.*" });
    expect(contentOf(host("bunny1"), "/etc/apt/preferences.d/warren")).toContain(
      "Package: rabbitmq-server\nPin: version 3.10.*\nPin-Priority: 1001\n",
    );
  });

  it("without other members mirrors nothing and has no cluster settings", () => {
    const config = fixtureConfig();
    const bunny = { ...(config.brokers.bunny as StackConfig["brokers"][string]), members: ["bunny1"] };
    const single = { ...config, brokers: { bunny } };
    expect(fixtureModel(single).clusters[0]?.policies).toEqual([]);
    expect(contentOf(host("bunny1", single), "/etc/rabbitmq/rabbitmq.config")).not.toContain("cluster_formation");
  });
});
