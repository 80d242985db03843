import type { Unreachable } from "../hosts/ask.ts";
import { connect } from "../hosts/connect.ts";
import type { EnvironmentModel, HostModel } from "../model/types.ts";
import { type Observation, parseObservation } from "./observation.ts";
import { observationScript } from "./script.ts";

/** Milliseconds after which a host that accepted the connection but doesn't answer counts as unreachable. */
const answerTimeoutMs = 10_000;

export type Observations = ReadonlyMap<string, Observation | Unreachable>;

/**
 * Observes every host once, all concurrently, over OpenSSH with shared connections. Changes nothing on a host. For a host that can't be observed
 * the result is the reason.
 *
 * @param checkout folder of the project: key paths are relative to it, the ssh configuration is written below its `.warren`
 */
export async function observe(model: EnvironmentModel, checkout: string): Promise<Observations> {
  const hosts = await connect(model, checkout);
  const observed = (host: HostModel): Promise<Observation | Unreachable> =>
    hosts.ask(host.name, observationScript(host), parseObservation, answerTimeoutMs);
  const answers = new Map(
    await Promise.all(model.hosts.map(async (host) => [host.name, await observed(host)] as const)),
  );
  return new Map(model.hosts.map((host) => [host.name, withJumpHost(host, answers)]));
}

/** ssh to a host behind an unreachable jump host doesn't mention the jump host. */
function withJumpHost(host: HostModel, answers: Observations): Observation | Unreachable {
  const answer = answers.get(host.name) ?? { unreachable: "not asked" };
  const { via } = host.connection;
  const jump = via && answers.get(via.host);
  if (!("unreachable" in answer) || !jump || !("unreachable" in jump)) return answer;
  const why = jump.refused ? "was refused because of its host key" : `can't be observed: ${jump.unreachable}`;
  return { unreachable: `its jump host ${via.host} ${why}` };
}
