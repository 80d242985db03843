import type { Unreachable } from "../hosts/ask.ts";
import { connect } from "../hosts/connect.ts";
import type { EnvironmentModel, HostModel } from "../model/types.ts";
import { type Observation, parseObservation } from "./observation.ts";
import { observationScript } from "./script.ts";

/** Milliseconds after which a host that took the connection but doesn't answer counts as unreachable. */
const answerTimeoutMs = 10_000;

export type Observations = ReadonlyMap<string, Observation | Unreachable>;

/**
 * Asks every host once, all at the same time, over OpenSSH with shared connections. Nothing on a host is changed. A host that can't be
 * asked is an answer like any other: why.
 *
 * @param checkout folder of the project: key paths start there, the ssh configuration is written below its `.warren`
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

/** Of a jump host that can't be reached, ssh says nothing when it is asked for the host behind it. */
function withJumpHost(host: HostModel, answers: Observations): Observation | Unreachable {
  const answer = answers.get(host.name) ?? { unreachable: "not asked" };
  const { via } = host.connection;
  const jump = via && answers.get(via.host);
  if (!("unreachable" in answer) || !jump || !("unreachable" in jump)) return answer;
  const why = jump.refused ? "is refused for its host key" : `can't be observed either: ${jump.unreachable}`;
  return { unreachable: `its jump host ${via.host} ${why}` };
}
