import * as z from "zod";
import type { StackConfig } from "../../../infra/config/index.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { askMembers } from "../../../infra/observe/management.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import { fromAll } from "../../lib/lists.ts";
import { type LoginPlace, logIn } from "./amqp-login.ts";

/** Where the members of a broker accept logins from other hosts; empty if they listen only on loopback. */
export function loginPlaces({ brokers, hosts }: StackConfig, name: string): LoginPlace[] {
  const broker = brokers[name];
  if (!broker || (!broker.tls && !broker.plainText)) return [];
  const port = broker.tls ? broker.tlsPort : broker.port;
  return broker.members.map((host) => ({ host, address: hosts[host]?.address ?? host, port, secure: broker.tls }));
}

export interface Expected {
  readonly user: string;
  readonly password: string;
  readonly answer: "accepted" | "refused";
  /** Its name in messages, e.g. `the new password`. */
  readonly called: string;
}

/** Tries logins at every member of the brokers. @returns a line for each unexpected answer, without passwords */
export async function unexpectedLogins(
  stack: string,
  config: StackConfig,
  brokers: readonly string[],
  expected: (broker: string) => readonly Expected[],
): Promise<string[]> {
  const ca = await readOperatorCa(stack);
  const tries = brokers.flatMap((broker) =>
    loginPlaces(config, broker).flatMap((place) => expected(broker).map((one) => ({ place, one }))),
  );
  return fromAll(tries, async ({ place, one: { user, password, answer, called } }) => {
    const got = await logIn(place, user, password, ca);
    if (got === answer) return [];
    const what = typeof got === "string" ? `is ${got}` : `can't be checked: ${got.silent}`;
    return [`${place.host}: ${called} of ${user} ${what}`];
  });
}

const connectionsSchema = z.array(
  z.object({
    user: z.string().nullish(),
    peer_host: z.string().nullish(),
    client_properties: z.object({ connection_name: z.string().optional() }).nullish(),
  }),
);

/** A connected client. */
export interface ConnectedClient {
  readonly user: string;
  /** E.g. `dispatcher@bunny1 from 10.0.0.1`. */
  readonly client: string;
}

/** Connected clients, according to the first member that answers. */
export async function connectionsOf(stack: string, config: StackConfig, broker: string): Promise<ConnectedClient[]> {
  const cluster = clusterModels(config).find(({ name }) => name === broker);
  if (!cluster) throw new TypeError(`no cluster ${broker}`);
  const ca = await readOperatorCa(stack);
  const path = "connections?columns=user,peer_host,client_properties.connection_name";
  return (await askMembers(cluster, ca, path, namesOf)).answer;
}

/** @throws Error if the answer has another form */
export function namesOf(answer: unknown): ConnectedClient[] {
  return connectionsSchema.parse(answer).flatMap(({ user, client_properties: properties, peer_host: host }) => {
    const name = properties?.connection_name ?? "a client without a name";
    return user ? [{ user, client: `${name} from ${host ?? "an unknown host"}` }] : [];
  });
}
