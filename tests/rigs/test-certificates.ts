import { writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";

/** Files of a test certificate and its CA. */
export interface CertificateFiles {
  readonly caFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * Makes a CA and a certificate signed by it, valid for a day.
 *
 * @param names its names in OpenSSL's form, e.g. `IP:127.0.0.1` or `DNS:localhost`
 */
export async function makeCertificate(
  folder: string,
  name: string,
  names: readonly string[],
): Promise<CertificateFiles> {
  const file = (ending: string) => path.join(folder, `${name}-${ending}`);
  const openssl = (...argv: string[]) => execa("openssl", argv, { stdin: "ignore" });
  const keyKind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const ca = ["-keyout", file("ca.key"), "-out", file("ca.pem")];
  await openssl("req", "-x509", ...keyKind, ...ca, "-days", "1", "-subj", `/CN=CA of ${name}`);
  await openssl("req", ...keyKind, "-keyout", file("key.pem"), "-out", file("request.pem"), "-subj", `/CN=${name}`);
  await writeFile(file("extensions"), `subjectAltName=${names.join(",")}\n`);
  const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"];
  const out = ["-out", file("certificate.pem"), "-extfile", file("extensions")];
  await openssl("x509", "-req", "-in", file("request.pem"), "-days", "1", ...signer, ...out);
  return { caFile: file("ca.pem"), certificateFile: file("certificate.pem"), keyFile: file("key.pem") };
}
