import { describe, expect, it } from "vitest";
import { ConfigError } from "../../agents/lib/errors.ts";
import { stackValues } from "../model/fixture.ts";
import { parseStackConfig } from "./index.ts";

/** Sections of a stack file, of any shape. */
// biome-ignore lint/suspicious/noExplicitAny: the tests put mistakes into it
type Values = Record<string, any>;

/** The lab's config with one change. */
function issuesOf(change: (values: Values) => void): string[] {
  const values = structuredClone(stackValues("lab")) as Values;
  change(values);
  try {
    parseStackConfig(values, "stack lab");
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => `${issue.path}: ${issue.message}`);
    throw error;
  }
  return [];
}

describe("the stack files", () => {
  it.each([
    ["lab", 13],
    ["op", 14],
    ["dev", 14],
  ])("parses stacks/Pulumi.%s.yaml", (stack, hosts) => {
    expect(Object.keys(parseStackConfig(stackValues(stack), stack).hosts)).toHaveLength(hosts);
  });
});

describe("a mistake in a stack file", () => {
  const cases: [string, (values: Values) => void, string][] = [
    ["an unknown key", (v) => Object.assign(v, { hostz: {} }), "warren:hostz: unknown key"],
    [
      "an unknown key of a host",
      (v) => Object.assign(v.hosts["urp-1"], { rolls: [] }),
      "warren:hosts.urp-1.rolls: unknown key",
    ],
    [
      "a value that is not filled in",
      (v) => Object.assign(v.hosts["urp-2"], { address: "FILL-IN" }),
      "warren:hosts.urp-2.address: is not filled in yet",
    ],
    [
      "two hosts with one address",
      (v) => Object.assign(v.hosts["urp-2"], { address: "10.203.0.11" }),
      "warren:hosts.urp-2.address: expected an address of its own, got 10.203.0.11, which is that of hosts.urp-1.address",
    ],
    [
      "a host with the virtual IP's address",
      (v) => Object.assign(v.virtualIps["bunny-op"], { address: "10.203.0.21" }),
      "warren:virtualIps.bunny-op.address: expected an address of its own, got 10.203.0.21, which is that of hosts.bunny1.address",
    ],
    [
      "an alias that is another host's name",
      (v) => Object.assign(v.hosts["urp-2"], { aliases: ["urp-1.cmc.ec.gc.ca"] }),
      "warren:hosts.urp-2.aliases: expected a name of its own, got urp-1.cmc.ec.gc.ca, which is that of hosts.urp-1",
    ],
    [
      "two hosts with one full name",
      (v) => Object.assign(v.hosts["urp-2"], { fqdn: "urp-1.cmc.ec.gc.ca" }),
      "warren:hosts.urp-2.fqdn: expected a name of its own, got urp-1.cmc.ec.gc.ca, which is that of hosts.urp-1",
    ],
    [
      "a full name without a domain",
      (v) => Object.assign(v.hosts["urp-2"], { fqdn: "urp-2" }),
      'warren:hosts.urp-2.fqdn: expected a full name of lower-case labels and dots, e.g. urp-1.cmc.ec.gc.ca, got "urp-2"',
    ],
    [
      "a base URL of announcements that is no URL",
      (v) => Object.assign(v.announcements, { baseUrl: "urp-1" }),
      // biome-ignore lint/suspicious/noTemplateCurlyInString: warren fills it in
      'warren:announcements.baseUrl: expected an absolute URL that ends in /, e.g. http://${fqdn}/, got "urp-1"',
    ],
    [
      "an unknown jump host",
      (v) => Object.assign(v.hosts["pds-5"], { ssh: { via: "urp-9" } }),
      'warren:hosts.pds-5.ssh.via: expected the name of a host under warren:hosts, got "urp-9"',
    ],
    [
      "a member without the role",
      (v) => Object.assign(v.brokers.bunny, { members: ["bunny1", "pds-1"] }),
      "warren:brokers.bunny.members.1: expected a host with the role bunny or dd, got pds-1",
    ],
    [
      "MQTT at a series whose plugin knows only the old version",
      (v) => Object.assign(v.brokers.bunny, { mqtt: {} }),
      "warren:brokers.bunny.mqtt: expected a series from 4.0 on, because subscribers need MQTT 5, and RabbitMQ 3.10 speaks 3.1.1 only",
    ],
    [
      "subscriptions at an exchange that the broker does not have",
      (v) => Object.assign(v.brokers.bunny, { series: "4.0", mqtt: { exchange: "public" } }),
      'warren:brokers.bunny.mqtt.exchange: expected the name of a topic exchange under brokers.bunny.exchanges, got "public"',
    ],
    [
      "MQTT without a port",
      (v) => Object.assign(v.brokers.bunny, { series: "4.0", tls: false, plainText: false, mqtt: {} }),
      "warren:brokers.bunny.mqtt: expected `tls` or `plainText` of the broker, or no port is open",
    ],
    [
      "a table that unacknowledged deliveries can fill",
      (v) => Object.assign(v.announcements, { entriesMax: 1999, dispatcherPrefetch: 2000 }),
      "warren:announcements.entriesMax: expected at least dispatcherPrefetch (2000): unacknowledged announcements alone would fill it, got 1999",
    ],
    [
      "an output topic within the input topic",
      (v) => Object.assign(v.announcements, { notifyTopic: "v00.urp.input.out" }),
      'warren:announcements.notifyTopic: expected a topic of its own, not one within inputTopic, got "v00.urp.input.out"',
    ],
    [
      "doubtSeconds above its limit",
      (v) => Object.assign(v.announcements, { doubtSeconds: 1300 }),
      "warren:announcements.doubtSeconds: expected at most doubtMaxSeconds (1200), got 1300",
    ],
    [
      "placed products remembered as long as the deduplication window",
      (v) => Object.assign(v.announcements, { dedupWindowSeconds: 600, placedRememberedSeconds: 600 }),
      "warren:announcements.placedRememberedSeconds: expected less than dedupWindowSeconds (600), got 600",
    ],
    [
      "an allowed host that is a URL",
      (v) => Object.assign(v.announcements, { allowedHosts: ["http://urp-3/"] }),
      'warren:announcements.allowedHosts.0: expected a host or host:port, e.g. urp-1:80, got "http://urp-3/"',
    ],
    [
      "pullers without a radar server",
      (v) =>
        Object.assign(v.hosts, {
          "urp-1": { ...v.hosts["pds-1"], address: "10.0.0.1" },
          "urp-2": { ...v.hosts["pds-1"], address: "10.0.0.2" },
        }),
      "warren:announcements.allowedHosts: expected at least one host: the stack has pullers, but no radar server for them to pull from",
    ],
    [
      "a CA's certificate without its key",
      (v) => Object.assign(v, { tls: { caCertificateFile: "keys/ca.pem" } }),
      "warren:tls.caKeyFile: expected a file: a CA needs both its certificate and its key",
    ],
    [
      "management over HTTP beside HTTP",
      (v) => Object.assign(v.brokers.bunny, { tls: false, management: { plainPort: 15672 } }),
      "warren:brokers.bunny.management.plainPort: expected no such port: without TLS, `port` is plain HTTP, got 15672",
    ],
    [
      "quorum queues by default on 3.10",
      (v) => Object.assign(v.brokers.bunny, { defaultQueueType: "quorum" }),
      "warren:brokers.bunny.defaultQueueType: expected classic, because its policy mirrors the queues of 3.10",
    ],
    [
      "VRRP version 2 with a fraction of a second",
      (v) => Object.assign(v.virtualIps["bunny-op"], { vrrp2: { authPass: "bunop" }, advertSeconds: 0.5 }),
      "warren:virtualIps.bunny-op.advertSeconds: expected whole seconds, because VRRP version 2 knows no others, got 0.5",
    ],
    [
      "an unknown virtual IP",
      (v) => Object.assign(v.brokers.bunny, { virtualIp: "bunny-no" }),
      'warren:brokers.bunny.virtualIp: expected a name under warren:virtualIps, got "bunny-no"',
    ],
  ];
  it.each(cases)("is reported with its path: %s", (_, change, expected) => {
    expect(issuesOf(change)).toEqual([expected]);
  });

  it("is reported together with all others", () => {
    const issues = issuesOf((values) => {
      Object.assign(values.hosts["urp-1"], { address: "10.203.0.300" });
      Object.assign(values.virtualIps["bunny-op"], { routerId: 300 });
    });
    expect(issues.map((issue) => issue.split(": ")[0])).toEqual([
      "warren:hosts.urp-1.address",
      "warren:virtualIps.bunny-op.routerId",
    ]);
  });

  it("names every secret that a new stack needs, and the command that sets it", () => {
    const issues = issuesOf((values) => delete values.secrets);
    const passwords = ["root", "feeder", "anonymous", "guest", "queue-manager"].map((user) => `passwords.${user}`);
    const paths = ["erlangCookie", "deliveryKey", "deliveryPassword", ...passwords, "directory.michel"];
    const command = "./warren pulumi config set --secret --path";
    expect(issues).toEqual(
      paths.map(
        (path) =>
          `warren:secrets.${path}: expected a secret, but it is missing: set it with \`${command} warren:secrets.${path} -s STACK\``,
      ),
    );
  });

  it("never shows a refused secret", () => {
    const [issue = ""] = issuesOf((values) => Object.assign(values.secrets.passwords, { feeder: "hunter2" }));
    expect(issue).toContain("warren:secrets.passwords.feeder");
    expect(issue).not.toContain("hunter2");
    const [number = ""] = issuesOf((values) => Object.assign(values.secrets, { erlangCookie: 12345678 }));
    expect(number).toBe("warren:secrets.erlangCookie: expected a secret as text");
  });
});
