import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fixtureArtifacts, fixtureCertificates, fixtureConfig } from "./fixture.ts";
import { ldapPart } from "./ldap.ts";
import { noCertificates } from "./tls.ts";

const config = fixtureConfig();
const part = (changed = config, certificates = fixtureCertificates(config)) =>
  ldapPart({ stack: "lab", config: changed, host: "ldap-1", artifacts: fixtureArtifacts, certificates });
const content = (ending: string, made = part()) =>
  made.files?.find((file) => file.path.endsWith(ending))?.content ?? "";

describe("an LDAP host", () => {
  it("serves LDAP, StartTLS and LDAPS with the stack's certificates, which its server reads at start", () => {
    expect(content("warren.conf")).toContain("TLSCertificateFile /etc/ldap/tls/certificate.pem\n");
    expect(content("slapd.service")).toContain('-h "ldap:/// ldaps:///"');
    expect(part().units?.[0]).toMatchObject({
      name: "slapd.service",
      onChange: "restart",
      reads: expect.arrayContaining(["/etc/ldap/warren.ldif", "/etc/ldap/tls/key.pem"]),
    });
  });

  it("serves without TLS if there are no certificates yet", () => {
    const bare = part(config, noCertificates);
    expect(content("warren.conf", bare)).not.toContain("TLS");
    expect(content("slapd.service", bare)).toContain('-h "ldap:///"');
  });

  it("has units before people before groups, each once, and no password in clear text", () => {
    const directory = { ...config.directory, groups: { radar: ["michel", "noc"] } };
    const ldif = content(".ldif", part({ ...config, directory }));
    expect(ldif.match(/^dn: .*$/gm)).toEqual([
      "dn: dc=ec,dc=gc,dc=ca",
      "dn: ou=depot,dc=ec,dc=gc,dc=ca",
      "dn: ou=People,ou=depot,dc=ec,dc=gc,dc=ca",
      "dn: ou=Groups,ou=depot,dc=ec,dc=gc,dc=ca",
      "dn: uid=michel,ou=People,ou=depot,dc=ec,dc=gc,dc=ca",
      "dn: uid=noc,ou=People,ou=depot,dc=ec,dc=gc,dc=ca",
      "dn: uid=jeanne,ou=People,ou=depot,dc=ec,dc=gc,dc=ca",
      "dn: cn=radar,ou=Groups,ou=depot,dc=ec,dc=gc,dc=ca",
    ]);
    expect(ldif).toContain("member: uid=noc,ou=People,ou=depot,dc=ec,dc=gc,dc=ca\n");
    for (const password of Object.values(config.secrets.directory)) expect(ldif).not.toContain(password);
    expect(part().files?.find((file) => file.path.endsWith(".ldif"))).toMatchObject({ secret: true, mode: "0400" });
  });

  it("has passwords as OpenLDAP's salted hash, the same at each run, different for each person", () => {
    const hashes = [...content(".ldif").matchAll(/userPassword: \{SSHA\}(.*)/g)].map(([, hash]) => hash ?? "");
    expect(hashes).toEqual([...content(".ldif").matchAll(/userPassword: \{SSHA\}(.*)/g)].map(([, hash]) => hash));
    expect(new Set(hashes.map((hash) => Buffer.from(hash, "base64").subarray(20).toString("hex"))).size).toBe(3);
    const bytes = Buffer.from(hashes[0] ?? "", "base64");
    const digest = createHash("sha1")
      .update(config.secrets.directory.michel ?? "")
      .update(bytes.subarray(20))
      .digest();
    expect(bytes.subarray(0, 20)).toEqual(digest);
  });
});
