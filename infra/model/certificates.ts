import { or, run } from "../commands/command.ts";
import { clearPemCache } from "../commands/rabbitmq.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";
import { brokerCertificateFile, caFile, ftpCertificateFile, ldapTlsFiles, speaksFtps } from "./tls.ts";
import type { FileModel } from "./types.ts";

/**
 * Erlang reads certificates anew by itself every two minutes; asked, it does so at once, and connections go on. A broker that doesn't run reads
 * them when it starts.
 */
const readAnew = { afterRenewal: or(clearPemCache(), run("true")) };

/** The accounts of servers that read keys; their packages would make them, but the keys are there first. */
const slapdAccount = { name: "openldap", home: "/var/lib/ldap" };

/**
 * What a host has of TLS: the CAs that it trusts and, where it serves, its own certificate. A changed certificate restarts no broker, so the
 * files are not among those that the broker's unit reads.
 */
export function certificatesPart({ config, host, certificates }: PartContext): HostPart {
  const { bundle, rotating, hosts } = certificates;
  if (bundle === "") return {};
  const isMember = Object.values(config.brokers).some(({ members }) => members.includes(host));
  const bundleFile = rootFile(caFile, bundle, isMember ? readAnew : {});
  const own = hosts[host];
  if (!own) return { files: [bundleFile] };
  const serves = Object.values(config.brokers).some(({ tls, members }) => tls && members.includes(host));
  const answersLdap = config.hosts[host]?.roles.includes("ldap") ?? false;
  const takesFiles = speaksFtps(config) && (config.hosts[host]?.roles.includes("dd") ?? false);
  const pair = `${own.certificate.trim()}\n${own.key.trim()}\n`;
  // With a new CA every host trusts it before any server shows a certificate of it.
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
              ...readAnew,
              owner: "rabbitmq",
              group: "rabbitmq",
            }),
          ]
        : []),
      ...(takesFiles ? [rootFile(ftpCertificateFile, pair, secret)] : []),
      ...(answersLdap
        ? [
            rootFile(ldapTlsFiles.certificate, own.certificate, { after }),
            rootFile(ldapTlsFiles.key, own.key, { ...secret, owner: "openldap", group: "openldap" }),
          ]
        : []),
    ],
  };
}
