import { describe, expect, it } from "vitest";
import { render } from "../commands/command.ts";
import type { BrokerConfig } from "../config/brokers.ts";
import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { fixtureArtifacts, fixtureCertificates, fixtureConfig, stackValues, unmonitored } from "./fixture.ts";
import { buildModel } from "./index.ts";
import { brokerCertificateFile, type Certificates, caFile, certificateNeeds } from "./tls.ts";
import type { EnvironmentModel, HostModel } from "./types.ts";

/** The lab's config with other settings of its broker. */
function withBroker(settings: Partial<BrokerConfig>): StackConfig {
  const config = fixtureConfig();
  return { ...config, brokers: { bunny: { ...(config.brokers.bunny as BrokerConfig), ...settings } } };
}

function modelOf(config: StackConfig, certificates: Partial<Certificates> = {}): EnvironmentModel {
  return buildModel("lab", config, fixtureArtifacts, { ...fixtureCertificates(config), ...certificates });
}

function hostOf(model: EnvironmentModel, name: string): HostModel {
  const found = model.hosts.find((one) => one.name === name);
  if (!found) throw new TypeError(`no host ${name}`);
  return found;
}

const fileOf = (host: HostModel, path: string) => host.files.find((file) => file.path === path);

describe("certificates", () => {
  const config = fixtureConfig();

  it("are needed by members, for their own names and those of the virtual IPs that they can hold", () => {
    expect(certificateNeeds(config).find(({ host }) => host === "bunny2")?.names).toEqual([
      "bunny2",
      "bunny2.cmc.ec.gc.ca",
      "10.203.0.22",
      "bunny-op",
      "bunny-op.cmc.ec.gc.ca",
      "10.203.0.50",
      "localhost",
      "127.0.0.1",
    ]);
  });

  it("are needed only by an LDAP server if no broker uses TLS", () => {
    const needs = certificateNeeds(unmonitored(withBroker({ tls: false })));
    const ldap = Object.entries(config.hosts).flatMap(([name, { roles }]) => (roles.includes("ldap") ? [name] : []));
    expect(needs.map(({ host }) => host)).toEqual(ldap);
  });

  it("of the CA are on every host; a key is in one file with its certificate, which only the broker can read", () => {
    const model = modelOf(config);
    for (const host of model.hosts) expect(fileOf(host, caFile)?.content, host.name).toBe("CA-OF-THE-TESTS\n");
    const own = fileOf(hostOf(model, "bunny1"), brokerCertificateFile);
    expect(own).toMatchObject({ owner: "rabbitmq", mode: "0400", secret: true, order: "before-packages" });
    expect(own?.content).toBe("CERTIFICATE-OF-bunny1\nKEY-OF-bunny1\n");
    const elsewhere = model.hosts.filter((host) => fileOf(host, brokerCertificateFile));
    expect(elsewhere.map((host) => host.name)).toEqual(["bunny1", "bunny2", "wxo-b1"]);
  });

  it("restart no broker when they change, because it rereads them", () => {
    const host = hostOf(modelOf(config), "bunny1");
    const broker = host.units.find((unit) => unit.name === "rabbitmq-server.service");
    expect(broker?.reads).not.toContain(brokerCertificateFile);
    const renewal = fileOf(host, brokerCertificateFile)?.afterRenewal;
    expect(renewal && render(renewal)).toContain("'ssl:clear_pem_cache(), catch gen_server:call(ssl_pem_cache_dist, ");
  });

  it("of a new CA are deployed after every host trusts it; otherwise they wait for no host", () => {
    const orderOf = (rotating: boolean) =>
      fileOf(hostOf(modelOf(config, { rotating }), "bunny1"), brokerCertificateFile)?.after;
    expect(orderOf(true)).toEqual(Object.keys(config.hosts).map((host) => `${host} ${caFile}`));
    expect(orderOf(false)).toEqual([]);
  });
});

describe("the firewall of a member", () => {
  const rules = (settings: Partial<BrokerConfig> = {}) =>
    fileOf(hostOf(modelOf(withBroker(settings)), "bunny1"), "/etc/warren/firewall.nft")?.content;

  it("restricts the cluster's ports to members, and has no rule for management without `from`", () => {
    expect(rules()).toContain("elements = { 10.203.0.21, 10.203.0.22 }");
    expect(rules()).toContain("tcp dport { 4369, 25672, 35672-35682 } ip saddr != @members");
    expect(rules()).not.toContain("15671");
  });

  it("restricts management to members and the configured networks", () => {
    const text = rules({ management: { port: 15_671, address: "0.0.0.0", from: ["10.0.0.0/8", "192.0.2.1/32"] } });
    expect(text).toContain("elements = { 10.0.0.0/8, 192.0.2.1/32 }");
    expect(text).toContain("tcp dport 15671 ip saddr @management accept");
  });

  it("is missing if the config turns it off, and the broker does not wait for it", () => {
    const host = hostOf(modelOf(withBroker({ firewall: false })), "bunny1");
    expect(fileOf(host, "/etc/warren/firewall.nft")).toBeUndefined();
    expect(host.packages.map((one) => one.name)).not.toContain("nftables");
    const dropIn = host.files.find((file) => file.path.endsWith("rabbitmq-server.service.d/warren.conf"));
    expect(dropIn?.content).not.toContain("firewall");
  });
});

describe("a broker's management", () => {
  it.each([
    ["15671, over TLS", {}, { scheme: "https", port: 15_671 }],
    ["15672, unencrypted", { tls: false }, { scheme: "http", port: 15_672 }],
    ["the config's port", { management: { port: 8443 } }, { scheme: "https", port: 8443 }],
  ])("is on %s", (_, settings, expected) => {
    const values = stackValues("lab");
    Object.assign((values.brokers as { bunny: object }).bunny, settings);
    expect(modelOf(parseStackConfig(values, "lab")).clusters[0]?.management).toEqual(expected);
  });
});
