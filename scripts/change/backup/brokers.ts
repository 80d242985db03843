import * as z from "zod";
import { NoMemberAnswers } from "../../../agents/lib/management.ts";
import type { ClusterModel } from "../../../infra/model/types.ts";
import { askMembers, managementUrl } from "../../../infra/observe/management.ts";
import type { Value } from "../../../infra/plugins/lib/values.ts";
import { ManagementApi } from "../../../infra/plugins/rabbitmq/management-api.ts";
import { poll } from "../../lib/poll.ts";
import { absent, type Definitions, definitionsSchema } from "./definitions.ts";

/** The answer of the first member of a cluster that answered. */
export interface Answered<T> {
  readonly member: string;
  readonly answer: T;
}

/** A busy broker may exceed the timeout of one request. */
const roundsMax = 3;

/** Asks one member after the other until one answers. @returns the answer, or why no member answered */
async function askFirst<T>(
  cluster: ClusterModel,
  ca: string | undefined,
  path: string,
  read: (answer: unknown) => T,
): Promise<Answered<T> | { readonly why: string }> {
  for (let round = 1; ; round++) {
    try {
      return await askMembers(cluster, ca, path, read);
    } catch (error) {
      if (!(error instanceof NoMemberAnswers)) throw error;
      if (round === roundsMax) return { why: error.reasons };
    }
  }
}

/** The complete definitions of a cluster, with password hashes; every member has the same. */
export const readDefinitions = (cluster: ClusterModel, ca: string | undefined) =>
  askFirst(cluster, ca, "definitions", (answer) => ({
    text: JSON.stringify(answer),
    parsed: definitionsSchema.parse(answer),
  }));

const queuesSchema = z.array(z.object({ name: z.string(), messages: z.number().nullish() }));

/** Message counts of non-empty queues, by queue name. */
export const readMessages = (cluster: ClusterModel, ca: string | undefined) =>
  askFirst(cluster, ca, "queues?columns=name,messages", (answer) =>
    Object.fromEntries(
      queuesSchema.parse(answer).flatMap(({ name, messages }) => (messages ? [[name, messages] as const] : [])),
    ),
  );

export interface ImportOptions {
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
  /** How long to wait for agents to declare the queues that bindings of the backup may lead to. */
  readonly withinMs: number;
}

const againMs = 1000;

/**
 * Imports definitions through a member that answers, then checks that they are there. An import never deletes and leaves existing objects unchanged, so
 * it can be repeated.
 *
 * @returns the objects that are missing afterwards, with the broker's error message if it refused
 */
export async function importDefinitions(
  cluster: ClusterModel,
  wanted: Definitions,
  { ca, signal, withinMs }: ImportOptions,
): Promise<{ readonly absent: readonly string[]; readonly refusal?: string }> {
  let missing: readonly string[] = [];
  let refusal: string | undefined;
  const isThere = async (): Promise<boolean> => {
    missing = ["everything"];
    const now = await readDefinitions(cluster, ca);
    refusal = "why" in now ? now.why : undefined;
    if ("why" in now) return false;
    const address = cluster.members.find(({ host }) => host === now.member)?.address ?? now.member;
    refusal = await post(cluster, address, wanted, ca, signal);
    const after = await readDefinitions(cluster, ca);
    if (!("why" in after)) missing = absent(wanted, after.answer.parsed);
    return missing.length === 0;
  };
  if (await poll(isThere, { everyMs: againMs, withinMs, signal })) return { absent: [] };
  return { absent: missing, ...(refusal ? { refusal } : {}) };
}

/** @returns the broker's error message; undefined on success */
async function post(
  cluster: ClusterModel,
  address: string,
  wanted: Definitions,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const api = new ManagementApi({
    endpoints: [managementUrl(cluster, address)],
    username: cluster.administrator.name,
    password: cluster.administrator.password,
    ca,
  });
  try {
    // `definitionsSchema` has parsed this from JSON, so it is a JSON value.
    await api.post(["definitions"], wanted as unknown as Value, { subject: `definitions of ${cluster.name}`, signal });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return (error as Error).message;
  } finally {
    api.close();
  }
}
