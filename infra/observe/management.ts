import { isNestedAtMost, printable } from "../../agents/lib/foreign.ts";
import { faultText, ManagementClient, ManagementError, oneAfterAnother } from "../../agents/lib/management.ts";
import type { ClusterModel } from "../model/types.ts";

/** Milliseconds for one question: a management API that works answers in a few, on a machine with far too much to do in two seconds. */
const answerTimeoutMs = 5000;
/** Definitions of a large broker have a few hundred kilobytes. */
const answerBytesMax = 16 << 20;

/** The management API of one member, as the administrator asks it. Close it after the last question. */
export interface Management {
  /**
   * The JSON at a path below `/api/`.
   *
   * @param body for what is asked by POST
   * @throws Error with the reason where there is no good answer within five seconds; a ManagementError where there is another answer
   */
  ask(path: string, body?: unknown): Promise<unknown>;
  close(): void;
}

/** @param ca PEM text of who may have signed the member's certificate; without it, whom this machine trusts */
export function managementOf(cluster: ClusterModel, address: string, ca: string | undefined): Management {
  const { name: user, password } = cluster.administrator;
  const url = managementUrl(cluster, address);
  const login = { user, password };
  const client = new ManagementClient({ urls: [url], login, ca, timeoutMs: answerTimeoutMs, answerBytesMax });
  const ask = async (path: string, body?: unknown) => {
    const { status, text } = await client
      .sendTo(url, body === undefined ? { path } : { method: "POST", path, body })
      .catch((error: Error) => {
        throw new Error(faultText(error), { cause: error });
      });
    return content(status, text, user);
  };
  return { ask, close: () => void client.close() };
}

/**
 * Asks the members of a cluster in their order, until one gives an answer that can be read.
 *
 * @returns what was read, and the host that said it
 * @throws NobodyAnswers with each host's reason
 */
export const askMembers = <T>(
  cluster: ClusterModel,
  ca: string | undefined,
  path: string,
  read: (answer: unknown) => T,
): Promise<{ readonly member: string; readonly answer: T }> =>
  oneAfterAnother(
    cluster.members.map(({ host, address }) => [host, address]),
    async (address) => {
      const management = managementOf(cluster, address, ca);
      try {
        return read(await management.ask(path));
      } finally {
        management.close();
      }
    },
  );

/** The base URL of a member's management API. */
export const managementUrl = ({ management: { scheme, port } }: Pick<ClusterModel, "management">, address: string) =>
  `${scheme}://${address}:${port}`;

/** Definitions are nested five deep. */
const answerDepthMax = 64;

/**
 * What an answer says; its texts as a terminal may have them, since whoever has taken a host over may answer anything.
 *
 * @throws ManagementError where it is a refusal: with 401 it answers, but not to this login; Error where it is no JSON, or nested too deep
 */
export function content(status: number, text: string, login: string): unknown {
  if (status === 401) throw new ManagementError(`refuses the login of ${login}`, status);
  if (status !== 200) throw new ManagementError(`answers ${status}`, status);
  let answer: unknown;
  try {
    answer = JSON.parse(text, (_, value) => (typeof value === "string" ? printable(value) : value));
  } catch (error) {
    throw new Error("answers with something else than JSON", { cause: error });
  }
  if (!isNestedAtMost(answer, answerDepthMax)) throw new Error("answers with something that is nested too deep");
  return answer;
}
