import { describe, expect, it } from "vitest";
import { notesKeepalived } from "./fixture.ts";
import { parseKeepalived } from "./keepalived-text.ts";
import { readVirtualIps } from "./virtual-ips.ts";

const file = (host: string, text: string) => ({ host, place: `${host}:/k`, text });
const read = (...files: ReturnType<typeof file>[]) => {
  const { virtualIps, unexpressed } = readVirtualIps(files);
  return { virtualIps, listed: unexpressed.map(({ place, what }) => `${place} ${what}`) };
};

describe("keepalived.conf", () => {
  it("is parsed like keepalived does: blocks, comments, quotes, braces on separate lines", () => {
    const text =
      'vrrp_instance a # not this\n{\n  notify "/bin/x {b} #c"\n  virtual_ipaddress { 10.0.0.1 dev eth0 }\n}\n!end\nlvs_sync x';
    expect(parseKeepalived(text)).toEqual([
      {
        words: ["vrrp_instance", "a"],
        line: 1,
        block: [
          { words: ["notify", "/bin/x {b} #c"], line: 3 },
          { words: ["virtual_ipaddress"], line: 4, block: [{ words: ["10.0.0.1", "dev", "eth0"], line: 4 }] },
        ],
      },
      { words: ["lvs_sync", "x"], line: 7 },
    ]);
  });

  it("of the installation notes gives the virtual IP, and lists the prose, the script and the password's block", () => {
    const { virtualIps, listed } = read(file("bunny1", notesKeepalived));
    expect(virtualIps).toEqual({
      "bunny-op": {
        address: "142.135.12.59",
        interface: "eth0",
        routerId: 247,
        advertSeconds: 1,
        preemptDelaySeconds: 5,
        priorities: { bunny1: 150 },
      },
    });
    expect(listed).toEqual([
      "bunny1:/k:1 `vip bunny-op 142.135.12.59 port 5672`, which is not a keepalived statement",
      "bunny1:/k:3 vrrp_script chk_rabbitmq {…}",
      "bunny1:/k:18 vrrp_instance bunny-op: authentication, which VRRP version 3 doesn't have",
      "bunny1:/k:26 vrrp_instance bunny-op: track_script { chk_rabbitmq }",
    ]);
    expect(listed.join()).not.toContain("bunop");
  });

  const instance = (priority: string, more = "") =>
    `vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 7\n ${priority}\n virtual_ipaddress {\n 10.0.0.1/24\n ${more}\n }\n}\n`;

  it("of several hosts gives one address with the priority of each, and lists their differences", () => {
    const { virtualIps, listed } = read(file("b1", instance("priority 150")), file("b2", instance("advert_int 3")));
    expect(virtualIps["vi-1"]).toMatchObject({ priorities: { b1: 150, b2: 100 }, advertSeconds: 1, prefixLength: 24 });
    expect(listed).toEqual(["b2:/k:1 VI_1: advertSeconds 3 here, 1 on the previous host"]);
  });

  it("lists a second address, and an instance with unsupported numbers", () => {
    const { virtualIps, listed } = read(
      file("b1", instance("priority 150", "10.0.0.2/24")),
      file("b2", instance("priority 255")),
    );
    expect(virtualIps["vi-1"]?.priorities).toEqual({ b1: 150 });
    expect(listed[0]).toBe("b1:/k:7 vrrp_instance VI_1: an additional address, 10.0.0.2/24");
    expect(listed[1]).toMatch(/^b2:\/k:1 vrrp_instance VI_1, the whole instance: priorities/);
  });
});
