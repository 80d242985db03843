import { connect } from "node:tls";
import type { StackConfig } from "../../../infra/config/index.ts";
import { operatorCaFile } from "../../../infra/model/tls.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import { setConfig } from "../../engine/stack-config.ts";
import { fromAll } from "../../lib/lists.ts";
import type { Rotation } from "./phase.ts";
import { apply, configNow, type Subject } from "./subject.ts";

/** The next generation of certificates, and of the CA where warren makes it. Hosts trust a new CA before any server shows what it has signed. */
export function tlsRotation(subject: Subject): Rotation {
  const { stack, before } = subject;
  const generation = before.tls.generation + 1;
  const own = before.tls.caCertificateFile === undefined;
  const file = operatorCaFile(stack);
  return {
    what: "tls",
    phases: [
      {
        name: "change",
        where: "all hosts, then servers",
        what: own
          ? `trust CA ${generation} beside the one before it; then show its certificates`
          : "new certificates of the CA in the files",
        meanwhile: "no restart, and no connection ends",
        async run() {
          const now = await configNow(subject);
          if (now.tls.generation === before.tls.generation) {
            await setConfig(stack, "warren:tls.generation", String(generation));
          }
          const lacking = await apply(subject);
          return lacking.length > 0 ? lacking : staleMembers(subject);
        },
      },
    ],
    afterwards: own ? [`who outside trusts the former CA alone is not let in any more: hand out ${file}`] : [],
  };
}

const answerMs = 10_000;
/** A certificate is good from a little before it was made. */
const clockSlackMs = 600_000;

/** Members that show a certificate of before the rotation, or none that the stack's own CA file vouches for. */
async function staleMembers({ stack, startedAt }: Subject): Promise<string[]> {
  const config = await configNow({ stack });
  const ca = await readOperatorCa(stack);
  const sinceMs = Date.parse(startedAt) - clockSlackMs;
  return fromAll(tlsPlaces(config), async ({ host, address, port }) => {
    const shown = await validFrom(address, port, ca);
    if (typeof shown === "string") return [`${host}: ${shown}`];
    return shown < sinceMs ? [`${host} shows a certificate of ${new Date(shown).toISOString()}`] : [];
  });
}

const tlsPlaces = ({ brokers, hosts }: StackConfig) =>
  Object.values(brokers).flatMap(({ tls, tlsPort, members }) =>
    tls ? members.map((host) => ({ host, address: hosts[host]?.address ?? host, port: tlsPort })) : [],
  );

/** When the certificate that a server shows begins, in milliseconds; or why it can't be had. */
function validFrom(host: string, port: number, ca: string | undefined): Promise<number | string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(ca === undefined ? {} : { ca }), timeout: answerMs });
    const settle = (answer: number | string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("secureConnect", () => settle(Date.parse(socket.getPeerCertificate().valid_from)));
    socket.once("timeout", () => settle("no answer"));
    socket.once("error", (error) => settle(error.message));
  });
}
