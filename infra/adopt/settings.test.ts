import { describe, expect, it } from "vitest";
import { notesConfig } from "./fixture.ts";
import { ldapSection } from "./ldap.ts";
import { emptySettings, readTermsFile } from "./settings.ts";

const listed = (text: string, settings = emptySettings()) =>
  readTermsFile(text, "b:/f", settings).map(({ place, what }) => `${place} ${what}`);

describe("rabbitmq.config of the installation notes", () => {
  it("is read completely, except a setting that no supported broker has", () => {
    const settings = emptySettings();
    expect(listed(notesConfig, settings)).toEqual(["b:/f:10 rabbitmq_auth_backend_ldap.network"]);
    expect(settings.backends).toEqual({ first: "ldap", authorization: "compatible" });
    const group = { inGroup: "cn=admin,dc=ec,dc=gc,dc=ca" };
    expect(ldapSection(settings.ldap, { first: "ldap", authorization: "compatible" })).toEqual({
      servers: ["ldap-dev.cmc.ec.gc.ca"],
      port: 389,
      encryption: "none",
      authorization: "compatible",
      first: "ldap",
      log: "on",
      userDnPattern: `uid=\${username},ou=People,ou=depot,dc=ec,dc=gc,dc=ca`,
      vhostAccess: { inGroup: `ou=\${vhost}-users,ou=vhosts,dc=ec,dc=gc,dc=ca` },
      resourceAccess: {
        for: [
          { permission: "configure", query: group },
          {
            permission: "write",
            query: {
              for: [
                { resource: "queue", query: group },
                { resource: "exchange", query: true },
              ],
            },
          },
          {
            permission: "read",
            query: {
              for: [
                { resource: "exchange", query: group },
                { resource: "queue", query: true },
              ],
            },
          },
        ],
      },
      tags: { administrator: false, management: true },
    });
  });
});

describe("Erlang terms of a broker", () => {
  it("give partition handling, loopback users and the API's listener", () => {
    const settings = emptySettings();
    const text = `[{rabbit, [{tcp_listeners, [5672]}, {cluster_partition_handling, autoheal}, {loopback_users, [<<"guest">>, <<"root">>]}]},
      {rabbitmq_management, [{listener, [{port, 15673}, {ip, "0.0.0.0"}]}]}].`;
    expect(listed(text, settings)).toEqual([]);
    expect(settings).toMatchObject({
      partitionHandling: "autoheal",
      loopbackUsers: ["guest", "root"],
      management: { port: 15_673, address: "0.0.0.0" },
    });
  });

  it("that can't be expressed are listed with their lines", () => {
    const text = `% head
[
 {rabbit, [
   {vm_memory_high_watermark, 0.6},
   {auth_backends, [rabbit_auth_backend_http]},
   {loopback_users, []}
 ]},
 {rabbitmq_shovel, [{shovels, []}]}
].`;
    expect(listed(text)).toEqual([
      "b:/f:4 rabbit.vm_memory_high_watermark",
      "b:/f:5 rabbit.auth_backends",
      "b:/f:8 rabbitmq_shovel.shovels",
    ]);
  });

  it("that can't be parsed are one entry with the line of the mistake", () => {
    expect(listed("[\n{rabbit, [}\n].")).toEqual([expect.stringMatching(/^b:\/f:2 Erlang terms that can't be parsed/)]);
  });

  it("of an incomplete LDAP configuration give no section", () => {
    const settings = emptySettings();
    listed('[{rabbitmq_auth_backend_ldap, [{servers, ["a"]}, {user_dn_pattern, "cn=x"}]}].', settings);
    expect(ldapSection(settings.ldap, { first: "ldap", authorization: "compatible" })).toBeUndefined();
  });
});
