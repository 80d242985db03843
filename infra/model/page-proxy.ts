import { renderPageProxy, renderPageProxyService } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import { fullNameOf } from "../config/full-names.ts";
import type { StackConfig } from "../config/index.ts";
import type { LdapConfig } from "../config/ldap.ts";
import { brokerWithDirectory, personEntry } from "../config/monitor-rules.ts";
import { serviceAccount } from "./agent-part.ts";
import { cryptHash } from "./crypt-hash.ts";
import { rootFile } from "./files.ts";
import { pagePort } from "./monitor-page.ts";
import { pageProxyUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { caFile, exporterCertificateFile } from "./tls.ts";

const configFile = "/etc/warren/page-proxy.conf";
const peopleFile = "/etc/warren/secrets/page-people";

/**
 * Apache in front of the live page, if the stack says who may see it. Only the program, without Debian's package `apache2`: that would serve a site of
 * its own on port 80.
 */
export function pageProxyPart({ stack, config, host }: PartContext): HostPart {
  const { page } = config.monitor;
  if (!page) return {};
  const ldap = page.login === "ldap" && ldapValues(config);
  const apache = "/usr/sbin/apache2";
  const values = {
    ...{ stack, ldap, port: page.port, name: fullNameOf(config, host), pageUrl: `http://127.0.0.1:${pagePort}/` },
    require: page.people ? `user ${page.people.join(" ")}` : "valid-user",
  };
  const conf = rootFile(configFile, renderPageProxy(values), {
    order: "after-packages",
    validate: [
      ...[apache, "-t", "-f", candidate],
      ...[
        "-C",
        "Define runtime /run",
        "-C",
        `Define certificate ${exporterCertificateFile}`,
        "-C",
        `Define people ${peopleFile}`,
      ],
    ],
  });
  const people = Object.entries(config.secrets.monitor.people ?? {});
  const lines = people.map(([name, password]) => `${name}:${cryptHash(name, password)}\n`);
  const passwords = ldap ? [] : [rootFile(peopleFile, lines.join(""), { mode: "0600", secret: true })];
  const unit = rootFile(
    `/etc/systemd/system/${pageProxyUnit}`,
    renderPageProxyService({
      ...{ configFile, user: serviceAccount.name, certificateFile: exporterCertificateFile },
      peopleFile: ldap ? "" : peopleFile,
    }),
  );
  const own = [conf, ...passwords, unit];
  return {
    accounts: [serviceAccount],
    files: own,
    packages: [{ name: "apache2-bin" }],
    units: [
      {
        name: pageProxyUnit,
        onChange: "restart",
        // systemd gives it certificate and passwords at start.
        reads: [...own.map(({ path }) => path), exporterCertificateFile, ...(ldap ? [caFile] : [])],
        after: [],
        afterBroker: false,
        packaged: false,
      },
    ],
  };
}

/** The directory of a broker, as Apache asks it. */
function ldapValues(config: StackConfig) {
  const ldap = config.brokers[brokerWithDirectory(config) ?? ""]?.ldap;
  const [, attribute, base] = personEntry.exec(ldap?.userDnPattern ?? "") ?? [];
  if (!ldap || attribute === undefined || base === undefined)
    throw new TypeError("the rules of the config require them");
  return {
    ...{ attribute, base, url: ldapUrl(ldap, attribute, base), mode: modes[ldap.encryption] },
    timeoutSeconds: Math.ceil(ldap.timeoutMs / 1000),
    isEncrypted: ldap.encryption !== "none",
    isVerified: ldap.verify,
    caFile: ldap.caFile ?? caFile,
  };
}

/** Apache's words. `ldaps` is said by the URL. */
const modes = { none: "NONE", starttls: "STARTTLS", ldaps: "SSL" } as const;

/** RFC 2255, with several servers where it has one. */
function ldapUrl({ servers, port, encryption }: LdapConfig, attribute: string, base: string): string {
  const isLdaps = encryption === "ldaps";
  const hosts = servers.map((server) => `${server}:${port ?? (isLdaps ? 636 : 389)}`);
  return `${isLdaps ? "ldaps" : "ldap"}://${hosts.join(" ")}/${base}?${attribute}?sub`;
}
