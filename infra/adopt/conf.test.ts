import { describe, expect, it } from "vitest";
import { parseConf } from "./conf.ts";
import { readConfFile } from "./conf-settings.ts";
import { emptySettings } from "./settings.ts";

describe("rabbitmq.conf", () => {
  it("is parsed line by line: keys, values, comments, quotes", () => {
    const text =
      "# head\nlisteners.tcp.default = 5672\n\nlog.file=a b.log # why\nauth_ldap.dn_lookup_bind.password = 'a#b'\n";
    expect(parseConf(text)).toEqual({
      entries: [
        { key: "listeners.tcp.default", value: "5672", line: 2 },
        { key: "log.file", value: "a b.log", line: 4 },
        { key: "auth_ldap.dn_lookup_bind.password", value: "a#b", line: 5 },
      ],
      strange: [],
    });
  });

  it("keeps a hash inside a value, and reports a line that is not a setting", () => {
    expect(parseConf("a.b = ^cmc\\.#x\nnonsense\n")).toEqual({
      entries: [{ key: "a.b", value: "^cmc\\.#x", line: 1 }],
      strange: [{ line: 2, text: "nonsense" }],
    });
  });

  it("gives the settings that a stack file can express, and lists the others with their lines, without secrets", () => {
    const settings = emptySettings();
    const text = [
      "cluster_name = bunny",
      "cluster_formation.peer_discovery_backend = classic_config",
      "cluster_formation.classic_config.nodes.1 = rabbit@bunny1",
      "cluster_partition_handling = pause_minority",
      "loopback_users = none",
      "management.tcp.port = 15673",
      "auth_backends.1.authn = ldap",
      "auth_backends.1.authz = internal",
      "auth_backends.2 = internal",
      "auth_ldap.servers.1 = ldap-1",
      "auth_ldap.servers.2 = ldap-2",
      "auth_ldap.use_starttls = true",
      "auth_ldap.timeout = 3000",
      "default_pass = hunter22",
      "vm_memory_high_watermark.relative = 0.6",
    ].join("\n");
    expect(readConfFile(text, "b:/c", settings).map(({ place, what }) => `${place} ${what}`)).toEqual([
      "b:/c:14 default_pass",
      "b:/c:15 vm_memory_high_watermark.relative = 0.6",
    ]);
    expect(settings).toEqual({
      partitionHandling: "pause_minority",
      loopbackUsers: [],
      management: { port: 15_673 },
      backends: { first: "ldap", authorization: "compatible" },
      ldap: { values: { servers: ["ldap-1", "ldap-2"], timeoutMs: 3000 }, useStartTls: true },
    });
  });

  it("removes a user from the loopback users, or adds one", () => {
    const settings = emptySettings();
    readConfFile("loopback_users.guest = false\nloopback_users.root = true\n", "b", settings);
    expect(settings.loopbackUsers).toEqual(["root"]);
  });
});
