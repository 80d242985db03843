import { or, run } from "../commands/command.ts";
import { clearPemCache } from "../commands/rabbitmq.ts";
import { rootFile } from "./files.ts";
import { prometheusAccount } from "./monitored.ts";
import { isMonitored } from "./monitored-hosts.ts";
import type { HostPart, PartContext } from "./part.ts";
import { publicServerAt } from "./public-servers.ts";
import {
  brokerCertificateFile,
  caFile,
  exporterCertificateFile,
  ftpCertificateFile,
  ldapTlsFiles,
  speaksFtps,
} from "./tls.ts";
import type { FileModel } from "./types.ts";

/**
 * Erlang rereads certificates every two minutes. On request it does so at once, and connections stay open. A stopped broker reads them when it
 * starts.
 */
const reread = { afterRenewal: or(clearPemCache(), run("true")) };

/** The account of a server that reads keys. Its package would create it, but the keys are written first. */
const slapdAccount = { name: "openldap", home: "/var/lib/ldap" };

/**
 * The TLS files of a host: trusted CAs and, if it has TLS servers, its own certificate. They are not among the files that the broker's unit
 * reads, because a changed certificate needs no restart.
 */
export function certificatesPart({ config, host, certificates }: PartContext): HostPart {
  const { bundle, rotating, hosts } = certificates;
  if (bundle === "") return {};
  const isMember = Object.values(config.brokers).some(({ members }) => members.includes(host));
  const bundleFile = rootFile(caFile, bundle, isMember ? reread : {});
  const own = hosts[host];
  if (!own) return { files: [bundleFile] };
  const serves = Object.values(config.brokers).some(({ tls, members }) => tls && members.includes(host));
  const answersLdap = config.hosts[host]?.roles.includes("ldap") ?? false;
  const hasFtps =
    (config.hosts[host]?.roles.includes("dd") ?? false) && speaksFtps(publicServerAt(config, host)?.config);
  const pair = `${own.certificate.trim()}\n${own.key.trim()}\n`;
  // Every host trusts a new CA before any server uses a certificate of it.
  const after = rotating ? Object.keys(config.hosts).map((other) => `${other} ${caFile}`) : [];
  const secret = { secret: true, mode: "0400", after } as const satisfies Partial<FileModel>;
  return {
    accounts: answersLdap ? [slapdAccount] : [],
    files: [
      bundleFile,
      ...(serves
        ? [
            rootFile(brokerCertificateFile, pair, {
              ...secret,
              ...reread,
              owner: "rabbitmq",
              group: "rabbitmq",
            }),
          ]
        : []),
      ...(hasFtps ? [rootFile(ftpCertificateFile, pair, secret)] : []),
      ...(isMonitored(config, host)
        ? [
            rootFile(exporterCertificateFile, pair, {
              ...secret,
              owner: prometheusAccount.name,
              group: prometheusAccount.name,
            }),
          ]
        : []),
      ...(answersLdap
        ? [
            rootFile(ldapTlsFiles.certificate, own.certificate, { after }),
            rootFile(ldapTlsFiles.key, own.key, { ...secret, owner: "openldap", group: "openldap" }),
          ]
        : []),
    ],
  };
}
