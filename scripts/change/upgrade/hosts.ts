import { type Command, run } from "../../../infra/commands/command.ts";
import { actionOn, mustAct } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { fromAll } from "../../lib/lists.ts";

/** Runs a command that the move depends on. @returns its output @throws UserError with the host's error message */
export const onHost = (
  reach: Hosts,
  host: string,
  title: string,
  command: Command,
  timeoutSeconds: number,
): Promise<string> => mustAct(reach, actionOn(host, title, command, timeoutSeconds));

const addresses = run("ip", "-4", "-o", "address", "show");

/** The hosts that hold an address now. */
export async function holdersAmong(reach: Hosts, hosts: readonly string[], address: string): Promise<string[]> {
  return fromAll(hosts, async (host) => {
    const output = await onHost(reach, host, "reports its addresses", addresses, 10);
    return output.includes(` ${address}/`) ? [host] : [];
  });
}
