import { connect } from "../hosts/connect.ts";
import type { StackHosts } from "../hosts/host-keys.ts";
import type { ConnectionModel } from "../model/types.ts";

/** Milliseconds for a host that is no longer in the stack to answer. */
const answerTimeoutMs = 10_000;

/** What the last run recorded of a host, so that a later one can remove it, or leave it alone. */
export interface Placed {
  readonly connection: ConnectionModel;
  /** Names of its steps, `HOST STEP`, each after those that it depends on. */
  readonly steps: readonly string[];
  /** Names of the copies that come before steps. */
  readonly copies: readonly string[];
}

/** What the last run recorded of a cluster's objects. */
export interface PlacedObjects {
  /** The objects are removed with this host. */
  readonly host: string;
  /** Type and name of each resource. */
  readonly objects: readonly (readonly [type: string, name: string])[];
}

/** All that the last run recorded, by the names of hosts and clusters. */
export interface Inventory {
  readonly hosts: Readonly<Record<string, Placed>>;
  readonly clusters: Readonly<Record<string, PlacedObjects>>;
}

/** A host that is in the state, but no longer in the stack, and can't be reached. */
export interface GoneHost extends Placed {
  readonly name: string;
  readonly unreachable: string;
}

/**
 * The hosts that are recorded, not in the model, and don't answer. One that answers is not among them: the engine removes what is on it. One that
 * shows another host key counts as one that doesn't answer, because it is another machine.
 *
 * @param checkout folder of the project, see `connect`
 */
export async function goneHosts(
  recorded: Inventory["hosts"],
  model: StackHosts,
  checkout: string,
): Promise<GoneHost[]> {
  const names = new Set(model.hosts.map(({ name }) => name));
  const left = Object.entries(recorded).filter(([name]) => !names.has(name));
  if (left.length === 0) return [];
  const connections = left.flatMap(([, { connection }]) => withJumpHosts(connection));
  const all = new Map(connections.map((connection) => [connection.host, { name: connection.host, connection }]));
  // A configuration of its own: that of the stack's hosts is in use meanwhile.
  const hosts = await connect({ stack: `${model.stack}.gone`, hosts: [...all.values()] }, checkout);
  const answers = await Promise.all(
    left.map(async ([name, placed]) => {
      const answer = await hosts.ask(name, "echo here", (text) => /^here$/m.test(text) || undefined, answerTimeoutMs);
      return answer === true ? [] : [{ ...placed, name, unreachable: answer.unreachable }];
    }),
  );
  return answers.flat();
}

const withJumpHosts = (connection: ConnectionModel): ConnectionModel[] => [
  connection,
  ...(connection.via ? withJumpHosts(connection.via) : []),
];
