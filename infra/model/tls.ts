import { deliversBy } from "../config/data-servers.ts";
import type { DatamartConfig } from "../config/datamart.ts";
import { namesOf } from "../config/full-names.ts";
import type { StackConfig } from "../config/index.ts";
import { isMonitored } from "./monitored-hosts.ts";
import { publicServerAt } from "./public-servers.ts";

/** CA certificates that every host of the stack trusts: the current CA first, then the previous one. Reread at each connect. */
export const caFile = "/etc/warren/tls/ca.pem";

/** CA certificates of a stack for the operator's programs, relative to the checkout; written by each run of the program. */
export const operatorCaFile = (stack: string): string => `.warren/tls/${stack}.ca.pem`;

/**
 * Certificate and key of a broker, for AMQP and the management API. One file for both, replaced by one rename, so that no handshake ever combines a
 * certificate with another one's key. Use it as certificate file and as key file.
 */
export const brokerCertificateFile = "/etc/rabbitmq/tls/server.pem";

/** The same for the FTP server, which reads it as root. */
export const ftpCertificateFile = "/etc/warren/tls/ftp.pem";

/**
 * The same for a host's exporters. A monitor has the same file, with a certificate that is also for clients, for its requests to them.
 */
export const exporterCertificateFile = "/etc/warren/tls/exporters.pem";

/** slapd reads them only at start, so two files are safe. */
export const ldapTlsFiles = { certificate: "/etc/ldap/tls/certificate.pem", key: "/etc/ldap/tls/key.pem" } as const;

/** A host whose servers need a certificate, with all names and addresses that clients may use. */
export interface CertificateNeed {
  readonly host: string;
  /** Subject alternative names, each a DNS name or an IPv4 address. */
  readonly names: readonly string[];
  /** Also for clients: a monitor, or a member that connects to the others by TLS. Exporters accept it from monitors' addresses only. */
  readonly client?: true;
}

/** PEM texts. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** The certificates of a stack; empty if no server uses TLS. */
export interface Certificates {
  /** CA certificates, the current one first. */
  readonly bundle: string;
  /** The previous CA is still trusted, so all hosts need the new bundle before certificates of the new CA are used. */
  readonly rotating: boolean;
  /** By host. */
  readonly hosts: Readonly<Record<string, Certificate>>;
}

export const noCertificates: Certificates = { bundle: "", rotating: false, hosts: {} };

/** Whether a public data server accepts files by FTPS. */
export const speaksFtps = (datamart: DatamartConfig | undefined): boolean =>
  deliversBy([datamart?.delivery], "ftp") && datamart?.delivery?.ftp.tls === true;

/** The hosts that need certificates: members of brokers with `tls`, LDAP servers, an FTP server with TLS, hosts with a monitor. Pure. */
export function certificateNeeds(config: StackConfig): CertificateNeed[] {
  return Object.entries(config.hosts).flatMap(([host, { address, roles }]) => {
    const broker = Object.values(config.brokers).find(({ members }) => members.includes(host));
    if (
      !broker?.tls &&
      !isMonitored(config, host) &&
      !roles.includes("ldap") &&
      !(roles.includes("dd") && speaksFtps(publicServerAt(config, host)?.config))
    )
      return [];
    // Clients of a virtual IP connect to whichever host holds it.
    const vips = Object.entries(config.virtualIps).filter(([, vip]) => vip.priorities[host] !== undefined);
    const own = [...namesOf(config, host).toReversed(), address];
    const moving = vips.flatMap(([name, vip]) => [...namesOf(config, name).toReversed(), vip.address]);
    const client = broker?.distributionTls || (roles.includes("monitor") && isMonitored(config, host));
    const names = [...new Set([...own, ...moving, "localhost", "127.0.0.1"])];
    return [{ host, names, ...(client ? { client } : {}) }];
  });
}
