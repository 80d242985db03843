import { isNestedAtMost, printable } from "../../agents/lib/foreign.ts";
import { faultText, ManagementClient, ManagementError, oneAfterAnother } from "../../agents/lib/management.ts";
import type { ClusterModel } from "../model/types.ts";

/** Milliseconds for one request: a working management API answers in a few, on a badly overloaded machine in two seconds. */
const answerTimeoutMs = 5000;
/** Definitions of a large broker have a few hundred kilobytes. */
const answerBytesMax = 16 << 20;

/** The management API of one member with the administrator's login. Close it after the last request. */
export interface Management {
  /**
   * The JSON at a path below `/api/`.
   *
   * @param body for a POST request
   * @throws Error with the reason if there is no answer within five seconds; ManagementError if the answer is an error
   */
  ask(path: string, body?: unknown): Promise<unknown>;
  close(): void;
}

/** @param ca PEM text of the CAs for the member's certificate; default: those that this machine trusts */
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
 * Asks the members of a cluster in order, until one gives a valid answer.
 *
 * @returns the parsed answer, and the host that gave it
 * @throws NoMemberAnswers with each host's reason
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
 * The content of an answer, with texts made printable, because a compromised host may answer anything.
 *
 * @throws ManagementError if it is an error status (401: the login is refused); Error if it is not JSON, or too deeply nested
 */
export function content(status: number, text: string, login: string): unknown {
  if (status === 401) throw new ManagementError(`refuses the login of ${login}`, status);
  if (status !== 200) throw new ManagementError(`answers ${status}`, status);
  let answer: unknown;
  try {
    answer = JSON.parse(text, (_, value) => (typeof value === "string" ? printable(value) : value));
  } catch (error) {
    throw new Error("the answer is not JSON", { cause: error });
  }
  if (!isNestedAtMost(answer, answerDepthMax)) throw new Error("the answer is nested too deeply");
  return answer;
}
