import { X509Certificate } from "node:crypto";
import { rootFile } from "./files.ts";
import type { PartContext } from "./part.ts";
import type { FileModel } from "./types.ts";

/** A folder of metrics that node_exporter reads at each scrape. */
export const metricsFolder = "/etc/warren/metrics";

/** The metric: seconds since 1970 at which the host's certificate expires, or its CA's, by label `of`. */
export const certificateExpiry = "warren_certificate_expires_seconds";

/**
 * When the certificate of the host's servers expires, and that of the CA, as a file of metrics. RabbitMQ and the others don't report it, and a client
 * keeps its connection, and so the old certificate, when a server has a new one.
 */
export function certificateMetrics({ certificates, host }: PartContext): FileModel[] {
  const found = { server: certificates.hosts[host]?.certificate, ca: certificates.bundle };
  const lines = Object.entries(found).flatMap(([of, pem]) => {
    const seconds = expirySeconds(pem);
    return seconds === undefined ? [] : [`${certificateExpiry}{of="${of}"} ${seconds}\n`];
  });
  return lines.length === 0 ? [] : [rootFile(`${metricsFolder}/certificates.prom`, lines.join(""))];
}

/** Of the first certificate in the text; undefined without one. */
function expirySeconds(pem = ""): number | undefined {
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) return undefined;
  return Math.floor(new X509Certificate(pem).validToDate.getTime() / 1000);
}
