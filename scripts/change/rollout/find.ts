import { UserError } from "../../../agents/lib/errors.ts";
import { withHostKeys } from "../../../infra/model/host-key.ts";
import { buildModel } from "../../../infra/model/index.ts";
import { noCertificates } from "../../../infra/model/tls.ts";
import { buildArtifacts } from "../../../infra/resources/artifacts.ts";
import { ensureCertificates, type KeptTls } from "../../../infra/resources/certificates.ts";
import { type KeptSteps, planSteps } from "../../../infra/resources/plan.ts";
import { readPulumi } from "../../engine/engine.ts";
import { checkout } from "../../engine/places.ts";
import { readStackConfig } from "../../engine/stack-config.ts";
import { type Change, findChanges } from "./changes.ts";

interface Outputs {
  readonly steps?: KeptSteps;
  readonly tls?: KeptTls;
  readonly hostKeys?: Readonly<Record<string, string>>;
  /** The key of digests; missing in a stack whose cookie was never changed, where it is the cookie. */
  readonly digestKey?: string;
}

/**
 * Bundles the agents of this checkout and finds the units that don't run them yet. No host is asked.
 *
 * @throws UserError if anything else differs, which is a task for `up`
 */
export async function findProgramChanges(stack: string): Promise<readonly Change[]> {
  const [config, artifacts, text] = await Promise.all([
    readStackConfig(stack),
    buildArtifacts(checkout),
    readPulumi(["stack", "output", "--json", "--show-secrets", "--stack", stack], { stack }),
  ]);
  const outputs = JSON.parse(text) as Outputs;
  const { steps = {}, tls, hostKeys = {}, digestKey = config.secrets.erlangCookie } = outputs;
  const { certificates } = tls
    ? await ensureCertificates(stack, config, tls, checkout, new Date())
    : { certificates: noCertificates };
  const model = withHostKeys(buildModel(stack, config, artifacts, certificates), new Map(Object.entries(hostKeys)));
  const planned = planSteps(model, new Map(), steps, digestKey, new Date().toISOString());
  const { changes, others } = findChanges(model, planned, steps);
  if (others.length === 0) return changes;
  const which = `${others.slice(0, 5).join(", ")}${others.length > 5 ? ", …" : ""}`;
  const remedy = `inspect the changes with ./warren preview -s ${stack} and make all of them with up, which installs agents in the same order`;
  throw new UserError(`stack ${stack}`, `there are other changes than new agents: ${which}`, remedy);
}
