import { deliversBy } from "../config/delivery.ts";
import type { StackConfig } from "../config/index.ts";

/** CA certificates that every host of the stack trusts: the current CA first, then the former one. Read anew at each connect. */
export const caFile = "/etc/warren/tls/ca.pem";

/** Where the operator's side finds the CA certificates of a stack, relative to the checkout; written by each run of the program. */
export const operatorCaFile = (stack: string): string => `.warren/tls/${stack}.ca.pem`;

/**
 * Certificate and key of a broker, for AMQP and for the management API. One file for both: it is replaced in one rename, so that no
 * handshake ever meets a certificate beside another one's key. Name it as certificate file and as key file.
 */
export const brokerCertificateFile = "/etc/rabbitmq/tls/server.pem";

/** The same for the FTP server, which reads it as root. */
export const ftpCertificateFile = "/etc/warren/tls/ftp.pem";

/** slapd takes them at its start only, so that two files are no danger. */
export const ldapTlsFiles = { certificate: "/etc/ldap/tls/certificate.pem", key: "/etc/ldap/tls/key.pem" } as const;

/** A host whose servers need a certificate, and every name and address that clients may call them by. */
export interface CertificateNeed {
  readonly host: string;
  /** Subject alternative names, each a DNS name or an IPv4 address. */
  readonly names: readonly string[];
}

/** PEM texts. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** What the model is told of certificates: none where no server of the stack speaks TLS. */
export interface Certificates {
  /** CA certificates, the current one first. */
  readonly bundle: string;
  /** A former CA is trusted still, so bundles must be on all hosts before certificates of the new one are used. */
  readonly rotating: boolean;
  /** By host. */
  readonly hosts: Readonly<Record<string, Certificate>>;
}

export const noCertificates: Certificates = { bundle: "", rotating: false, hosts: {} };

/** Whether the public data server takes files by FTPS. */
export const speaksFtps = ({ datamart }: StackConfig): boolean =>
  deliversBy(datamart?.delivery, "ftp") && datamart?.delivery?.ftp.tls === true;

/** The hosts that need certificates: members of brokers with `tls`, LDAP servers, an FTP server with TLS. Pure. */
export function certificateNeeds(config: StackConfig): CertificateNeed[] {
  return Object.entries(config.hosts).flatMap(([host, { address, roles }]) => {
    const speaksTls = Object.values(config.brokers).some(({ tls, members }) => tls && members.includes(host));
    if (!speaksTls && !roles.includes("ldap") && !(roles.includes("dd") && speaksFtps(config))) return [];
    // Clients at a virtual IP meet whichever host holds it.
    const vips = Object.entries(config.virtualIps).filter(([, vip]) => vip.priorities[host] !== undefined);
    const names = [host, address, ...vips.flatMap(([name, vip]) => [name, vip.address]), "localhost", "127.0.0.1"];
    return [{ host, names: [...new Set(names)] }];
  });
}
