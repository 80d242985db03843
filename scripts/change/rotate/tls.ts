import { connect } from "node:tls";
import type { StackConfig } from "../../../infra/config/index.ts";
import { operatorCaFile } from "../../../infra/model/tls.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import { setConfig } from "../../engine/stack-config.ts";
import { fromAll } from "../../lib/lists.ts";
import type { Rotation } from "./phase.ts";
import { apply, configNow, type Subject } from "./subject.ts";

/** The next generation of certificates, and of the CA if warren manages it. Hosts trust a new CA before any server uses its certificates. */
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
          ? `trust CA ${generation} beside the previous one, then use its certificates`
          : "new certificates of the CA in the files",
        meanwhile: "no restart, and no connection is closed",
        async run() {
          const now = await configNow(subject);
          if (now.tls.generation === before.tls.generation) {
            await setConfig(stack, "warren:tls.generation", String(generation));
          }
          const problems = await apply(subject);
          return problems.length > 0 ? problems : staleMembers(subject);
        },
      },
    ],
    afterwards: own ? [`clients that trust only the previous CA can't connect any more: hand out ${file}`] : [],
  };
}

const answerMs = 10_000;
/** A certificate is valid from a little before it was issued. */
const clockSlackMs = 600_000;

/** Members with a certificate from before the rotation, or with one that the stack's own CA file does not verify. */
async function staleMembers({ stack, startedAt }: Subject): Promise<string[]> {
  const config = await configNow({ stack });
  const ca = await readOperatorCa(stack);
  const sinceMs = Date.parse(startedAt) - clockSlackMs;
  return fromAll(tlsPlaces(config), async ({ host, address, port }) => {
    const shown = await validFrom(address, port, ca);
    if (typeof shown === "string") return [`${host}: ${shown}`];
    return shown < sinceMs ? [`${host} still has a certificate of ${new Date(shown).toISOString()}`] : [];
  });
}

const tlsPlaces = ({ brokers, hosts }: StackConfig) =>
  Object.values(brokers).flatMap(({ tls, tlsPort, members }) =>
    tls ? members.map((host) => ({ host, address: hosts[host]?.address ?? host, port: tlsPort })) : [],
  );

/** The start of validity of a server's certificate, in milliseconds; or why it can't be read. */
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
