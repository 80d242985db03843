import { describe, expect, it } from "vitest";
import { ConfigError } from "../../agents/lib/errors.ts";
import { configSchema as senderSchema } from "../../agents/sender/config.ts";
import { chainOf, queueDirectoriesOf } from "../../scripts/inspect/snapshot/chain.ts";
import { parseStackConfig } from "../config/index.ts";
import { contentOf, exporterUnits, fixtureConfig, fixtureModel, hostOf, monitorUnits, stackValues } from "./fixture.ts";
import { firewallRules } from "./names.ts";
import { certificateNeeds } from "./tls.ts";

// biome-ignore lint/suspicious/noExplicitAny: the tests change it
type Values = Record<string, any>;

/** The public data server path of stack lab with a second public data server, ddi, on a host and broker of its own. */
function twoServers(change: (values: Values) => void = () => {}): Values {
  const values = structuredClone(stackValues("lab")) as Values;
  values.hosts.ddi = { address: "10.203.0.62", roles: ["dd"] };
  values.hosts["client-2"] = { address: "10.203.0.72", roles: ["client"] };
  values.brokers.ddi = { members: ["ddi"], series: "3.10" };
  const { publicKey } = values.datamart.delivery;
  const rules = [{ accept: "^CA", directory: "bulletins" }];
  const senders = { ddi: { protocol: "ftp", rules } };
  values.datamarts = { ddi: { broker: "ddi", clients: { hosts: ["client-2"] }, delivery: { publicKey, senders } } };
  values.datamart.clients = { hosts: ["client-1"] };
  change(values);
  return values;
}

function issuesOf(change: (values: Values) => void): string[] {
  try {
    parseStackConfig(twoServers(change), "stack lab");
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => `${issue.path}: ${issue.message}`);
    throw error;
  }
  return [];
}

const config = parseStackConfig(twoServers(), "stack lab");
const jsonOf = (host: string, agent: string) =>
  JSON.parse(contentOf(hostOf(host, config), `/etc/warren/${agent}.json`));

describe("two public data servers", () => {
  it("each have a broker, a queue manager with a user, a watcher and an FTP server", () => {
    const units = hostOf("ddi", config).units.map(({ name }) => name);
    for (const unit of ["rabbitmq-server", "warren-watcher", "warren-queue-manager", "vsftpd", "apache2"]) {
      expect(units).toContain(`${unit}.service`);
    }
    expect(jsonOf("ddi", "watcher").baseUrl).toBe("http://ddi.cmc.ec.gc.ca/");
    const users = fixtureModel(config)
      .clusters.find(({ name }) => name === "ddi")
      ?.users.map(({ name }) => name);
    expect(users).toContain("queue-manager");
    // Its own setting: the first one has FTP in the clear.
    expect(contentOf(hostOf("ddi", config), "/etc/warren/vsftpd.conf")).toContain("force_local_logins_ssl=YES");
    expect(contentOf(hostOf("wxo-b1", config), "/etc/warren/vsftpd.conf")).not.toContain("ssl_enable");
    expect(certificateNeeds(config).find(({ host }) => host === "ddi")?.names).toContain("ddi.cmc.ec.gc.ca");
  });

  it("are delivered to by their own senders of px, and announced by an agent for each", () => {
    const px = hostOf("px-1", config);
    const names = ["delivery-ddi", "delivery-ftp", "delivery-sftp", "dd-notify", "notify-ddi"];
    const own = [...names, "auditor", "monitor", "page", "receiver-urls"].map((name) => `warren-${name}.service`);
    expect(px.units.map(({ name }) => name)).toEqual([...own, ...monitorUnits, ...exporterUnits]);
    for (const name of names) {
      expect(senderSchema.safeParse(jsonOf("px-1", name)).error?.issues, name).toBeUndefined();
    }
    const { server, notify } = jsonOf("px-1", "delivery-ddi");
    expect(server).toMatchObject({ host: "ddi.cmc.ec.gc.ca", tls: { caFile: "/etc/warren/tls/ca.pem" } });
    expect(notify).toEqual({ queueDirectory: "/apps/px/txq/dd-notify-ddi", baseUrl: "http://ddi.cmc.ec.gc.ca/" });
    const { broker, queueDirectory, metrics } = jsonOf("px-1", "notify-ddi");
    expect(broker.hosts).toEqual(["amqps://10.203.0.62:5671"]);
    expect([queueDirectory, jsonOf("px-1", "dd-notify").metrics.port, metrics.port]).toEqual([
      ...["/apps/px/txq/dd-notify-ddi", 9105, 9171],
    ]);
  });

  it("change nothing on the hosts of the first one, except for px and hosts files", () => {
    const before = fixtureModel(fixtureConfig("lab")).hosts.find(({ name }) => name === "wxo-b1");
    // Firewalls trust every host of the stack.
    const files = (host: typeof before) =>
      host?.files.filter(({ path }) => path !== firewallRules && path !== "/etc/hosts");
    expect(files(hostOf("wxo-b1", config))).toEqual(files(before));
    const px = (given = config) => hostOf("px-1", given).files;
    const former = px(fixtureConfig("lab")).filter(({ path }) => path.includes("dd-notify"));
    expect(px().filter(({ path }) => path.includes("dd-notify"))).toEqual(former);
    expect(former.length).toBeGreaterThan(1);
  });

  it("have clients of their own", () => {
    const broker = (host: string) => contentOf(hostOf(host, config), "/etc/warren/secrets/subscriber.env");
    expect(broker("client-1")).toContain("@wxo-b1.cmc.ec.gc.ca:5671/");
    expect(broker("client-2")).toContain("@ddi.cmc.ec.gc.ca:5671/");
  });

  it("are two paths for verify", () => {
    const chain = chainOf("lab", config);
    expect(chain.publicRoads.map(({ server, clients, notifier }) => [server, clients, notifier])).toEqual([
      ["wxo-b1", ["client-1"], "dd-notify"],
      ["ddi", ["client-2"], "notify-ddi"],
    ]);
    expect(Object.keys(queueDirectoriesOf(chain, "px-1")).toSorted()).toEqual([
      ...["dd-notify", "delivery-ddi", "delivery-ftp", "delivery-sftp", "notify-ddi"],
    ]);
  });

  const mistakes: [string, (values: Values) => void, string][] = [
    [
      "with one broker",
      (v) => {
        v.datamarts.ddi.broker = "wxo-b1";
        delete v.hosts.ddi;
        delete v.brokers.ddi;
      },
      'warren:datamarts.ddi.broker: expected a broker of its own, got "wxo-b1", which is that of datamart',
    ],
    [
      "with a sender of the same name",
      (v) => {
        v.datamarts.ddi.delivery.senders = { sftp: v.datamarts.ddi.delivery.senders.ddi };
        v.datamarts.ddi.delivery.senders.sftp.queueDirectory = "/apps/px/txq/other";
      },
      "warren:datamarts.ddi.delivery.senders.sftp: expected a name of its own, got sftp, which datamart.delivery.senders.sftp uses",
    ],
    [
      "with one txq of notifications",
      (v) => {
        v.datamarts.ddi.delivery.notifyDirectory = "/apps/px/txq/dd-notify-wxo-b1";
      },
      "warren:datamarts.ddi.delivery.notifyDirectory: expected a txq of its own, got /apps/px/txq/dd-notify-wxo-b1, which datamart.delivery.notifyDirectory uses",
    ],
    [
      "with a client of neither",
      (v) => delete v.datamart.clients,
      "warren:hosts.client-1.roles: expected client-1 under clients.hosts of one public data server, got it under 0",
    ],
    [
      "with a client that is none",
      (v) => v.datamart.clients.hosts.push("px-1"),
      'warren:datamart.clients.hosts.1: expected a host with the role client, got "px-1"',
    ],
  ];
  it.each(mistakes)("are refused %s", (_, change, expected) => {
    expect(issuesOf(change)).toEqual([expected]);
  });
});
