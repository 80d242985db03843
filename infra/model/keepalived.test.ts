import { describe, expect, it } from "vitest";
import type { StackConfig } from "../config/index.ts";
import { parseStackConfig } from "../config/index.ts";
import { contentOf, fixtureConfig, hostOf as host, stackValues } from "./fixture.ts";

describe("a virtual IP", () => {
  const confOf = (name: string, change: Record<string, unknown> = {}, priorities?: Record<string, number>) => {
    const values = stackValues("lab");
    const vips = values.virtualIps as Record<string, Record<string, unknown>>;
    Object.assign(vips["bunny-op"] ?? {}, change, priorities ? { priorities } : {});
    return contentOf(host(name, parseStackConfig(values, "lab")), "/etc/keepalived/keepalived.conf");
  };

  it.each([
    [{}, "0.2"],
    [{ timing: "metal" }, "0.2"],
    [{ timing: "migrating" }, "1"],
    [{ timing: "migrating", advertSeconds: 0.5 }, "0.5"],
  ])("with %j sends adverts every %s s", (keys, seconds) => {
    expect(confOf("bunny1", keys)).toContain(`advert_int ${seconds}\n`);
  });

  it.each([
    [{ bunny1: 150, bunny2: 100 }, 148, 99],
    [{ bunny1: 99, bunny2: 254 }, 98, 252],
  ])(
    "ranks hosts with unhealthy brokers below all others, in their previous order: %j",
    (priorities, first, second) => {
      expect(confOf("bunny1", {}, priorities)).toContain(`broker_unhealthy weight -${first}\n`);
      expect(confOf("bunny2", {}, priorities)).toContain(`broker_unhealthy weight -${second}\n`);
    },
  );

  it("accepts adverts only from its own hosts, without the password that VRRP sends unencrypted", () => {
    const conf = confOf("bunny2");
    expect(conf).toMatch(/^ *vrrp_version 3$/m);
    expect(conf).toMatch(/^ *check_unicast_src$/m);
    expect(conf).toMatch(/^ *unicast_peer \{\n *10\.203\.0\.21\n *\}$/m);
    expect(conf).not.toMatch(/auth_type|auth_pass/);
  });

  it("speaks VRRP version 2 with `vrrp2`: by multicast, every second, with the old password and tracked interface", () => {
    const conf = confOf("bunny2", { vrrp2: { authPass: "bunop" } });
    for (const line of ["state BACKUP", "virtual_router_id 247", "advert_int 1", "preempt_delay 5", "version 2"])
      expect(conf).toMatch(new RegExp(`^    ${line}$`, "m"));
    expect(conf).toMatch(/^ *interface (\S+)\n[\s\S]* track_interface \{\n *\1\n/m);
    expect(conf).toMatch(/^ *authentication \{\n *auth_type PASS\n *auth_pass bunop\n *\}$/m);
    expect(conf).not.toMatch(/unicast_/);
  });

  it("starts its watch before keepalived, which writes to it", () => {
    const unit = host("bunny2").units.find((one) => one.name === "keepalived.service");
    expect(unit?.after).toEqual(["warren-vip.service", "bunny1 keepalived.service"]);
  });

  it("is not deployed on a host without a broker", () => {
    const { bunny } = fixtureConfig().brokers;
    const alone = {
      ...fixtureConfig(),
      brokers: { bunny: { ...(bunny as StackConfig["brokers"][string]), members: ["bunny1"] } },
    };
    const paths = host("bunny2", alone).files.map((file) => file.path);
    expect(paths.filter((path) => /keepalived|vrrp|health/.test(path))).toEqual([]);
  });
});
