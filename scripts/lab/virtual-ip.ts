import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { poll } from "../lib/poll.ts";
import { answersAmqp } from "../traffic/amqp-probe.ts";
import { hasAddress, initOfHost } from "./host-addresses.ts";

/** Seconds for the address to move to its preferred host: two good checks, then keepalived's preemption delay. */
const settleSeconds = 30;
const lookEveryMs = 200;

/** The virtual IP of the broker that carries the announcements. @throws UserError where it has none */
export function brokerVirtualIp(config: StackConfig) {
  const broker = config.brokers[config.announcements.broker];
  const vip = broker?.virtualIp ? config.virtualIps[broker.virtualIp] : undefined;
  if (!broker || !vip) throw new UserError("warren:brokers", "the lab's broker has no virtual IP");
  const [preferred] = Object.entries(vip.priorities).toSorted(([, a], [, b]) => b - a)[0] ?? [];
  // As other hosts connect: without TLS where that is allowed, as old clients do, or else over TLS.
  const secure = broker.tls && !broker.plainText;
  return {
    address: vip.address,
    port: secure ? broker.tlsPort : broker.port,
    secure,
    hosts: Object.keys(vip.priorities),
    preferred,
  };
}

/** All hosts of a lab that have the broker's virtual IP now: one, unless it is moving or there is a fault. */
export async function virtualIpHolders(lab: string, config: StackConfig): Promise<string[]> {
  const { address, hosts } = brokerVirtualIp(config);
  const inits = await Promise.all(hosts.map((host) => initOfHost(lab, host)));
  return hosts.filter((_, index) => {
    const init = inits[index];
    return init !== undefined && hasAddress(init, address);
  });
}

/** The host of a lab that has the broker's virtual IP now; if two have it, the first in the order of the config. */
export const virtualIpHolder = async (lab: string, config: StackConfig): Promise<string | undefined> =>
  (await virtualIpHolders(lab, config))[0];

/**
 * Waits until a broker answers at the virtual IP, and the preferred host holds it. Just after a first start another host may
 * have been quicker, and the move back would disturb the measurement. If the preferred host is down, another one is accepted.
 *
 * @returns a line to show if another host than the preferred one holds the address
 * @throws UserError where no broker answers
 */
export async function awaitVirtualIp(
  lab: string,
  config: StackConfig,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { address, port, secure, preferred } = brokerVirtualIp(config);
  let answers = false;
  let holder: string | undefined;
  const isSettled = async () => {
    answers = await answersAmqp(address, port, undefined, secure);
    holder = await virtualIpHolder(lab, config);
    return answers && holder === preferred;
  };
  if (await poll(isSettled, { everyMs: lookEveryMs, withinMs: settleSeconds * 1000, signal })) return undefined;
  if (answers) return `${address} is on ${holder}, not on ${preferred}`;
  const remedy = "./warren lab exec bunny1 bunny2 -- journalctl -u keepalived -n 20";
  throw new UserError(address, `no broker answers at the virtual IP after ${settleSeconds} s`, remedy);
}
