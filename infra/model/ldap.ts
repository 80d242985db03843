import { createHash, createHmac } from "node:crypto";
import { renderDirectoryLdif, renderSlapdConf, renderSlapdEnds, renderSlapdService } from "../../templates/render.ts";
import type { StackConfig } from "../config/index.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";
import { caFile, ldapTlsFiles } from "./tls.ts";

/** Debian's package would create this account. It is created before, because its files must exist at the first start. */
const account = { name: "openldap", home: "/var/lib/ldap" };
/** Not `slapd.conf`, which makes the package's initial configuration fail. */
const configFile = "/etc/ldap/warren.conf";
const entriesFile = "/etc/ldap/warren.ldif";
/** Below the package's own folder, the only place where AppArmor allows slapd to write. */
const database = "/var/lib/ldap/warren";

/**
 * An LDAP server with the entries of the config, for labs and trials. It reads its entries from a file at each start, so changes in the running
 * server are lost at the next start.
 */
export function ldapPart({ config, host, certificates }: PartContext): HostPart {
  const speaksTls = certificates.hosts[host] !== undefined;
  const files = [
    rootFile(
      configFile,
      renderSlapdConf({
        suffix: suffixOf(config.directory.peopleDn),
        database,
        tls: speaksTls ? { caFile, ...ldapTlsFiles } : false,
      }),
    ),
    rootFile(entriesFile, renderDirectoryLdif({ entries: entriesOf(config) }), {
      owner: account.name,
      group: account.name,
      mode: "0400",
      secret: true,
    }),
    rootFile(
      "/etc/systemd/system/slapd.service",
      renderSlapdService({ configFile, entriesFile, database, urls: speaksTls ? "ldap:/// ldaps:///" : "ldap:///" }),
    ),
    // Replaces a drop-in of bookworm's package, with which a server counts as running after it has exited.
    rootFile("/etc/systemd/system/slapd.service.d/slapd-remain-after-exit.conf", renderSlapdEnds({})),
  ];
  return {
    accounts: [account],
    files,
    packages: [{ name: "slapd" }, { name: "ldap-utils" }],
    units: [
      {
        name: "slapd.service",
        onChange: "restart",
        // It reads certificates at start.
        reads: [...files.map((file) => file.path), ...(speaksTls ? [caFile, ...Object.values(ldapTlsFiles)] : [])],
        after: [],
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}

/** `dc=…` of a DN. */
const suffixOf = (dn: string): string => dn.slice(dn.indexOf("dc="));

interface Entry {
  readonly dn: string;
  readonly lines: readonly string[];
}

/** Organizational units from the top down, then people, then groups. */
function entriesOf({ directory, secrets }: StackConfig): Entry[] {
  const { peopleDn, groupsDn, groups } = directory;
  const personDn = (name: string) => `uid=${name},${peopleDn}`;
  const top = suffixOf(peopleDn);
  const folders = new Set([...foldersOf(peopleDn), ...(Object.keys(groups).length > 0 ? foldersOf(groupsDn) : [])]);
  return [
    { dn: top, lines: ["objectClass: organization", "objectClass: dcObject", "o: warren"] },
    ...[...folders].map((dn) => ({ dn, lines: ["objectClass: organizationalUnit"] })),
    ...Object.entries(secrets.directory).map(([name, password]) => ({
      dn: personDn(name),
      lines: [
        "objectClass: inetOrgPerson",
        `cn: ${name}`,
        `sn: ${name}`,
        `userPassword: ${saltedHash(name, password)}`,
      ],
    })),
    ...Object.entries(groups).map(([name, members]) => ({
      dn: `cn=${name},${groupsDn}`,
      lines: ["objectClass: groupOfNames", ...members.map((member) => `member: ${personDn(member)}`)],
    })),
  ];
}

/** `ou=a,ou=b,dc=c` -> `ou=b,dc=c`, `ou=a,ou=b,dc=c`. */
function foldersOf(dn: string): string[] {
  const parts = dn.split(",");
  const units = parts.filter((part) => part.startsWith("ou=")).length;
  return Array.from({ length: units }, (_, index) => parts.slice(units - 1 - index).join(","));
}

/** OpenLDAP's salted hash. The salt is derived from password and name, so that the same password gives the same file. */
function saltedHash(name: string, password: string): string {
  const salt = createHmac("sha256", password).update(`directory ${name}`).digest().subarray(0, 8);
  const digest = createHash("sha1").update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([digest, salt]).toString("base64")}`;
}
