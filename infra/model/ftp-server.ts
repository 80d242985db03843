import { dirname } from "node:path/posix";
import { renderVsftpdConf, renderVsftpdPam, renderVsftpdService } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import { deliversBy } from "../config/data-servers.ts";
import type { DatamartConfig } from "../config/datamart.ts";
import { cryptHash } from "./crypt-hash.ts";
import { rootFile } from "./files.ts";
import { ftpUnit } from "./names.ts";
import type { HostPart, PartContext } from "./part.ts";
import { publicServerAt } from "./public-servers.ts";
import { ftpCertificateFile, speaksFtps } from "./tls.ts";

export const ftpPort = 21;
/** Also the name of the file in /etc/pam.d. */
const pamService = "warren-ftp";
/** Not the package's own file, which the package may change. */
const configFile = "/etc/warren/vsftpd.conf";
const passwordFile = "/etc/warren/secrets/ftp-password";

/** Ports of the FTP server, for commands and for transfers. Empty if no sender delivers by FTP. */
export function ftpPorts(datamart: DatamartConfig | undefined): readonly string[] {
  const delivery = datamart?.delivery;
  if (!delivery || !deliversBy([delivery], "ftp")) return [];
  const { from, to } = delivery.ftp.passivePorts;
  return [`${ftpPort}`, `${from}-${to}`];
}

/** vsftpd for the account with which px delivers, restricted to the folder of the document root, if a sender uses FTP. */
export function ftpServerPart({ config, host }: PartContext): HostPart {
  const { secrets, brokers } = config;
  const datamart = publicServerAt(config, host)?.config;
  const delivery = datamart?.delivery;
  if (!datamart || !delivery || !deliversBy([delivery], "ftp")) return {};
  const { user, ftp } = delivery;
  const root = dirname(datamart.productRoot);
  const vsftpd = "/usr/sbin/vsftpd";
  const conf = renderVsftpdConf({
    ...{ user, root, pamService },
    passivePortFrom: ftp.passivePorts.from,
    passivePortTo: ftp.passivePorts.to,
    certificateFile: speaksFtps(datamart) ? ftpCertificateFile : "",
  });
  const firewall = Object.values(brokers).some((broker) => broker.firewall && broker.members.includes(host));
  // All before the package, because its first start reads them.
  const files = [
    // With -v after a config, vsftpd parses the config, prints its version and exits.
    rootFile(configFile, conf, { validate: [vsftpd, candidate, "-v"], validator: vsftpd }),
    rootFile(`/etc/pam.d/${pamService}`, renderVsftpdPam({ passwordFile })),
    rootFile(passwordFile, `${user}:${cryptHash(user, secrets.deliveryPassword ?? "")}\n`, {
      mode: "0600",
      secret: true,
    }),
    rootFile(`/etc/systemd/system/${ftpUnit}`, renderVsftpdService({ configFile, writable: root, firewall })),
  ];
  return {
    files,
    packages: [{ name: "libpam-pwdfile" }, { name: "vsftpd" }],
    units: [
      {
        name: ftpUnit,
        onChange: "restart",
        // It reads its certificate at start, and the password and PAM's file in each session.
        reads: [configFile, `/etc/systemd/system/${ftpUnit}`, ...(speaksFtps(datamart) ? [ftpCertificateFile] : [])],
        after: [],
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}
