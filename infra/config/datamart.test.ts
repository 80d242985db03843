import { describe, expect, it } from "vitest";
import { ConfigError } from "../../agents/lib/errors.ts";
import { stackValues } from "../model/fixture.ts";
import { parseStackConfig, passwordOf } from "./index.ts";
import { placeholder, withPlaceholders } from "./placeholders.ts";

// biome-ignore lint/suspicious/noExplicitAny: the tests put mistakes into it
type Values = Record<string, any>;

/** The public data server path of stack lab as a stack of its own. */
function publicValues(): Values {
  const { ssh, hosts, brokers, datamart, secrets } = structuredClone(stackValues("lab")) as Values;
  const { "px-1": px, "wxo-b1": dd, "client-1": client } = hosts;
  return {
    ...{ ssh, datamart, secrets: { ...secrets, directory: {} } },
    hosts: { "px-1": px, "wxo-b1": dd, "client-1": client },
    brokers: { "wxo-b1": brokers["wxo-b1"] },
    announcements: { broker: "wxo-b1" },
  };
}

function changed(change: (values: Values) => void): Values {
  const values = publicValues();
  change(values);
  return values;
}

function issuesOf(change: (values: Values) => void): string[] {
  try {
    parseStackConfig(changed(change), "stack public");
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map((issue) => `${issue.path}: ${issue.message}`);
    throw error;
  }
  return [];
}

const other = { address: "10.203.0.99", roles: ["bunny"] };

describe("the public data server", () => {
  it("defaults to the requirement's trees and limits, and to a queue manager that deletes", () => {
    const { datamart } = parseStackConfig(
      changed((v) => delete v.datamart.queueManager),
      "stack public",
    );
    expect(datamart).toMatchObject({
      productRoot: "/apps/dd/public",
      watchedTrees: ["citypage_weather", "marine_weather"],
      queueManager: { dryRun: false, exempt: [], messagesMax: 25_000, bytesMax: 50_000_000 },
    });
  });

  const cases: [string, (values: Values) => void, string][] = [
    [
      "a dd without warren:datamart",
      (v) => {
        delete v.datamart;
        v.hosts = { "wxo-b1": v.hosts["wxo-b1"] };
        delete v.secrets.passwords["queue-manager"];
      },
      "warren:hosts.wxo-b1.roles: expected warren:datamart or warren:datamarts for the role dd, but both are missing",
    ],
    [
      "an unknown broker",
      (v) => {
        v.datamart.broker = "wxo-b9";
        delete v.secrets.passwords["queue-manager"];
      },
      'warren:datamart.broker: expected a name under warren:brokers, got "wxo-b9"',
    ],
    [
      "a broker of two members",
      (v) => {
        v.hosts.other = other;
        v.brokers["wxo-b1"].members.push("other");
      },
      "warren:brokers.wxo-b1.members: expected one host, the public data server, got 2",
    ],
    [
      "a dd beside the broker's member",
      (v) => {
        v.hosts.other = { ...other, roles: ["dd"] };
      },
      "warren:hosts.other.roles: expected dd only on the member of wxo-b1, got it on other",
    ],
    [
      "an exchange that the broker doesn't have",
      (v) => {
        v.datamart.publicExchange = "xprivate";
      },
      'warren:datamart.publicExchange: expected an exchange of broker wxo-b1, got "xprivate"',
    ],
    [
      "formats without URLs",
      (v) => {
        v.datamart.formats = ["v02"];
      },
      "warren:datamart.formats: expected exp among them, because px announces URLs, got v02",
    ],
    [
      "queues that are deleted before they are unbound",
      (v) => {
        v.datamart.queueManager = { deleteAfterSeconds: 60 };
      },
      "warren:datamart.queueManager: expected warnAfterSeconds <= unbindAfterSeconds <= deleteAfterSeconds, got [600,3600,60]",
    ],
    [
      "senders without delivery settings",
      (v) => delete v.datamart.delivery,
      "warren:datamart.delivery: expected the delivery settings for px (px-1 has this role), but they are missing",
    ],
    [
      "senders without a key",
      (v) => delete v.secrets.deliveryKey,
      "warren:secrets.deliveryKey: expected a secret, but it is missing: set it with `./warren pulumi config set --secret --path warren:secrets.deliveryKey -s STACK`",
    ],
    [
      "senders without a password",
      (v) => delete v.secrets.deliveryPassword,
      "warren:secrets.deliveryPassword: expected a secret, but it is missing: set it with `./warren pulumi config set --secret --path warren:secrets.deliveryPassword -s STACK`",
    ],
    [
      "a key without its public half",
      (v) => delete v.datamart.delivery.publicKey,
      "warren:datamart.delivery.publicKey: expected the public half of warren:secrets.deliveryKey, for SFTP, but it is missing",
    ],
    [
      "two senders with one txq",
      (v) => {
        v.datamart.delivery.senders.ftp.queueDirectory = "/apps/px/txq/sftp";
      },
      "warren:datamart.delivery.senders.sftp.queueDirectory: expected a txq of its own, got /apps/px/txq/sftp, which datamart.delivery.senders.ftp.queueDirectory uses",
    ],
    [
      "no sender at all",
      (v) => {
        v.datamart.delivery.senders = {};
      },
      "warren:datamart.delivery.senders: expected at least one sender, got {}",
    ],
    [
      "a routing key that no subscriber binds to",
      (v) => {
        v.datamart.delivery.notify = { exchangeKey: "exp.dd.other.$".concat("{0}") };
      },
      "warren:datamart.delivery.notify.exchangeKey: expected a routing key below datamart.notifyTopic, exp.dd.notify, which subscribers bind to, got exp.dd.other.$".concat(
        "{0}",
      ),
    ],
    [
      "a routing key with a capture that the rules don't have",
      (v) => {
        v.datamart.delivery.notify = { exchangeKey: "exp.dd.notify.$".concat("{1}"), rules: [{ accept: "(a)" }] };
      },
      "warren:datamart.delivery.notify.exchangeKey: $".concat(
        '{1} is capture 2, but an accepting pattern has only 1, got "exp.dd.notify.$',
        '{1}"',
      ),
    ],
    [
      "an exchange without routing keys",
      (v) => {
        v.brokers["wxo-b1"].exchanges = ["xpublic", { name: "cmc", type: "headers" }];
      },
      "warren:datamart.exchange: expected an exchange that routes by key (topic, direct, fanout), got cmc, of type headers",
    ],
    [
      "a port range whose end is below its start",
      (v) => {
        v.datamart.delivery.ftp.passivePorts = { from: 50_010, to: 50_000 };
      },
      "warren:datamart.delivery.ftp.passivePorts: expected from <= to, got 50010, 50000",
    ],
    [
      "a tree outside the document root",
      (v) => {
        v.datamart.watchedTrees = ["../etc"];
      },
      'warren:datamart.watchedTrees.0: expected a folder below productRoot, e.g. citypage_weather, got "../etc"',
    ],
  ];
  it.each(cases)("is reported with its path: %s", (_, change, expected) => {
    expect(issuesOf(change)).toEqual([expected]);
  });
});

describe("a password", () => {
  it("for one broker takes precedence over the user's general one", () => {
    const config = parseStackConfig(
      changed((v) => {
        v.secrets.passwords["anonymous@wxo-b1"] = "known-to-the-public";
      }),
      "stack public",
    );
    expect(passwordOf(config, "anonymous", "wxo-b1")).toBe("known-to-the-public");
    expect(passwordOf(config, "anonymous", "another")).toBe("anonymous-of-the-tests");
    expect(passwordOf(config, "feeder", "wxo-b1")).toBe("feeder-of-the-tests");
  });

  it("for one broker is sufficient; one for an unknown broker is a mistake", () => {
    const moved = (to: string) =>
      issuesOf((v) => {
        v.secrets.passwords[to] = v.secrets.passwords.anonymous;
        delete v.secrets.passwords.anonymous;
      });
    expect(moved("anonymous@wxo-b1")).toEqual([]);
    expect(moved("anonymous@wxo-b9").map((issue) => issue.split(":")[1])).toEqual([
      "secrets.passwords.anonymous",
      "secrets.passwords.anonymous@wxo-b9",
    ]);
  });

  it("of the queue manager has a placeholder when secrets are not decrypted", () => {
    const values = { ...publicValues(), secrets: undefined };
    const config = parseStackConfig(withPlaceholders(values), "stack public");
    expect(passwordOf(config, "queue-manager", "wxo-b1")).toBe(placeholder);
  });
});
