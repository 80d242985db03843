import { describe, expect, it } from "vitest";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import {
  contentOf,
  exporterPackages,
  exporterUnits,
  fixtureConfig,
  fixtureModel,
  hostOf,
  monitorUnits,
  stackValues,
  unmonitored,
} from "./fixture.ts";
import { certificateNeeds, exporterCertificateFile } from "./tls.ts";

const withMonitors = (...names: readonly string[]): StackConfig => {
  const config = unmonitored(fixtureConfig());
  const hosts = Object.entries(config.hosts).map(([name, host]) => {
    const roles = names.includes(name) ? [...host.roles, "monitor" as const] : host.roles;
    return [name, { ...host, roles }] as const;
  });
  return { ...config, hosts: Object.fromEntries(hosts) };
};

/** The lab's config with these values of `warren:monitor` and `warren:secrets.monitor`. */
function notifying(monitor: object, secrets: object): StackConfig {
  const values = stackValues("lab");
  return parseStackConfig({ ...values, monitor, secrets: { ...(values.secrets as object), monitor: secrets } }, "lab");
}

describe("a stack without a monitor", () => {
  it.each(["lab", "lab4", "op", "dev"])("has nothing for one: %s", (stack) => {
    const model = JSON.stringify(fixtureModel(unmonitored(fixtureConfig(stack))));
    expect(model).not.toMatch(/prometheus|9998|exporter|@monitors/);
  });

  it("has certificates only for servers", () => {
    const needs = certificateNeeds(unmonitored(fixtureConfig()));
    expect(needs.map(({ host }) => host)).toEqual(["bunny1", "bunny2", "ldap-1", "wxo-b1"]);
    expect(needs.some(({ client }) => client)).toBe(false);
  });
});

describe("a host of a stack with a monitor", () => {
  it.each(["urp-1", "bunny1", "pds-1", "ldap-1", "wxo-b1", "client-1"])("has exporters: %s", (name) => {
    const host = hostOf(name);
    expect(host.packages.map((one) => one.name)).toEqual(expect.arrayContaining(exporterPackages));
    expect(host.units.map((unit) => unit.name)).toEqual(expect.arrayContaining(exporterUnits));
    expect(host.units.map((unit) => unit.name)).not.toEqual(expect.arrayContaining(monitorUnits));
    expect(host.files.find(({ path }) => path === exporterCertificateFile)).toMatchObject({
      ...{ owner: "prometheus", mode: "0400", secret: true },
    });
  });

  it("has one module for each of its agents, and for its broker", () => {
    const modulesOf = (name: string) =>
      Object.keys(JSON.parse(contentOf(hostOf(name), "/etc/prometheus/warren-exporters.yml")).modules);
    expect(modulesOf("urp-1")).toEqual(["node", "agent-announcer"]);
    expect(modulesOf("bunny1")).toEqual(["node", "rabbitmq", "agent-dispatcher", "rabbitmq-queues"]);
    expect(modulesOf("ldap-1")).toEqual(["node"]);
  });

  it("listens on one port, with TLS, for monitors only", () => {
    const words = contentOf(hostOf("urp-1"), "/etc/default/prometheus-exporter-exporter");
    expect(words).toContain(" -web.listen-address= -web.tls.listen-address=:9998 ");
    expect(words).toContain(" -web.tls.verify -allow.net=10.203.0.51/32");
    expect(contentOf(hostOf("urp-1"), "/etc/default/prometheus-node-exporter")).toContain("=127.0.0.1:9100 ");
    const clients = certificateNeeds(fixtureConfig()).filter(({ client }) => client);
    expect(clients.map(({ host }) => host)).toEqual(["px-1"]);
  });

  it("has a rule for the port in its firewall, if it has one", () => {
    const rules = (...monitors: string[]) =>
      contentOf(hostOf("bunny1", withMonitors(...monitors)), "/etc/warren/firewall.nft");
    expect(rules("px-1")).toContain("elements = { 10.203.0.51 }");
    expect(rules("px-1")).toContain("tcp dport { 9998 } ip saddr != @monitors");
    expect(rules("px-1", "bunny1")).toContain("tcp dport { 9998, 9094 } ip saddr != @monitors");
  });

  it("has the broker's metrics on loopback, in each series' own form", () => {
    expect(contentOf(hostOf("bunny1"), "/etc/rabbitmq/rabbitmq.config")).toMatch(
      /rabbitmq_prometheus,\s*\[\{tcp_config, \[\{port, 15692\},\{ip, "127\.0\.0\.1"\}\]\}\]/,
    );
    const conf = contentOf(hostOf("bunny1", fixtureConfig("lab4")), "/etc/rabbitmq/rabbitmq.conf");
    expect(conf).toContain("prometheus.tcp.port = 15692\nprometheus.tcp.ip = 127.0.0.1\n");
    expect(contentOf(hostOf("bunny1"), "/etc/rabbitmq/enabled_plugins")).toContain("rabbitmq_prometheus");
  });

  it("gets nothing while services on it are adopted, and is not scraped", () => {
    const config = withMonitors("px-1");
    const adopted = { "rabbitmq-server": { files: {} } };
    const hosts = { ...config.hosts, bunny1: { ...config.hosts.bunny1, adopted } } as StackConfig["hosts"];
    const changed = { ...config, hosts };
    expect(JSON.stringify(hostOf("bunny1", changed).files)).not.toContain("prometheus");
    expect(contentOf(hostOf("px-1", changed), "/etc/prometheus/warren.yml")).not.toContain("10.203.0.21:9998");
  });
});

describe("Prometheus", () => {
  const config = JSON.parse(contentOf(hostOf("px-1"), "/etc/prometheus/warren.yml"));
  const jobs = new Map<string, { static_configs: { labels: Record<string, string> }[] }>(
    config.scrape_configs.map((one: { job_name: string }) => [one.job_name, one]),
  );
  const labels = (job: string) => (jobs.get(job)?.static_configs ?? []).map((one) => one.labels);

  it("has a target for each host, broker and agent, labelled by names of the stack", () => {
    expect([...jobs.keys()]).toEqual(["node", "rabbitmq", "rabbitmq-queues", "agent", "prometheus", "alertmanager"]);
    expect(labels("node").map(({ host }) => host)).toEqual(Object.keys(fixtureConfig().hosts));
    expect(labels("rabbitmq")).toEqual([
      { host: "bunny1", instance: "bunny1", cluster: "bunny" },
      { host: "bunny2", instance: "bunny2", cluster: "bunny" },
      { host: "wxo-b1", instance: "wxo-b1", cluster: "wxo-b1" },
    ]);
    expect(labels("agent")).toContainEqual({
      ...{ host: "px-1", agent: "delivery-ftp", instance: "px-1/delivery-ftp", __param_module: "agent-delivery-ftp" },
    });
  });

  it("keeps metrics of the stack's own queues, because clients can make any number of others", () => {
    const [{ regex }] = config.scrape_configs.find(
      (one: { job_name: string }) => one.job_name === "rabbitmq-queues",
    ).metric_relabel_configs;
    const isKept = (queue: string) => new RegExp(`^(?:${regex})$`).test(queue);
    expect(["", "cmc.urp.input", "cmc.urp.ledger.bunny1", "q_anonymous.client-1"].map(isKept)).toEqual(
      Array(4).fill(true),
    );
    expect(["q_anonymous.1", "cmcXurp.input"].map(isKept)).toEqual([false, false]);
  });
});

describe("Alertmanager", () => {
  const routes = "/etc/prometheus/warren-alertmanager.yml";
  const mail = { smarthost: "mail.cmc.ec.gc.ca:25", from: "warren@cmc.ec.gc.ca", to: ["ops@cmc.ec.gc.ca"] };

  it("gets receivers and secrets from the stack, in a file that only it can read", () => {
    const config = notifying(
      { receivers: { mail: { ...mail, user: "warren" } } },
      {
        mailPassword: "MAIL-PASSWORD",
        webhookUrl: "https://alerts.example.org/TOKEN",
        deadManUrl: "https://second.example.org/",
      },
    );
    const host = hostOf("px-1", config);
    const { global, receivers } = JSON.parse(contentOf(host, routes));
    expect(global).toMatchObject({ smtp_auth_password: "MAIL-PASSWORD", smtp_require_tls: true });
    expect(receivers[1].webhook_configs[0].url).toBe("https://alerts.example.org/TOKEN");
    expect(receivers[2].webhook_configs[0].url).toBe("https://second.example.org/");
    const holding = host.files.filter(({ content }) => /MAIL-PASSWORD|TOKEN/.test(content));
    expect(holding).toEqual([
      expect.objectContaining({ path: routes, secret: true, mode: "0400", owner: "prometheus" }),
    ]);
  });

  it("is alone on one monitor; two speak with each other over mutual TLS", () => {
    const words = (name: string, config: StackConfig) =>
      contentOf(hostOf(name, config), "/etc/default/prometheus-alertmanager");
    expect(words("px-1", withMonitors("px-1"))).toContain(' --cluster.listen-address="');
    const pair = withMonitors("px-1", "ldap-1");
    expect(words("ldap-1", pair)).toContain(
      "--cluster.listen-address=10.203.0.41:9094 --cluster.peer=10.203.0.51:9094",
    );
    expect(contentOf(hostOf("ldap-1", pair), "/etc/prometheus/warren-gossip.yml")).toContain(
      "RequireAndVerifyClientCert",
    );
  });

  it.each([
    ["a user without a password", { receivers: { mail: { ...mail, user: "warren" } } }, {}, /mailPassword/],
    ["a page with passwords of nobody", { page: { login: "password" } }, {}, /secrets\.monitor\.people/],
    ["a password without a user", { receivers: { mail } }, { mailPassword: "MAIL-PASSWORD" }, /mailPassword/],
    ["a URL that is none", {}, { webhookUrl: "alerts.example.org" }, /webhookUrl.*http/],
    ["an address that is none", { receivers: { mail: { ...mail, to: ["ops"] } } }, {}, /mail\.to\.0/],
  ])("is refused with %s", (_, monitor, secrets, message) => {
    expect(() => notifying(monitor, secrets)).toThrow(message);
  });

  it("is on at most two hosts", () => {
    const values = stackValues("lab") as { hosts: Record<string, { roles: string[] }> };
    for (const name of ["ldap-1", "client-1"]) values.hosts[name]?.roles.push("monitor");
    expect(() => parseStackConfig({ ...values }, "lab")).toThrow(/at most two hosts with the role monitor/);
  });
});
