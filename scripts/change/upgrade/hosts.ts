import { type Command, run } from "../../../infra/commands/command.ts";
import { mustAct } from "../../../infra/hosts/act.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";

/** Something that a move can't go on without. @returns what the host says @throws UserError with the host's words where it fails */
export const onHost = (
  reach: Hosts,
  host: string,
  title: string,
  command: Command,
  timeoutSeconds: number,
): Promise<string> => mustAct(reach, { host, title, command, timeoutSeconds });

/** Who of these has an address now. */
export async function holdersAmong(reach: Hosts, hosts: readonly string[], address: string): Promise<string[]> {
  const found = await Promise.all(
    hosts.map(async (host) => {
      const said = await onHost(
        reach,
        host,
        "is asked for its addresses",
        run("ip", "-4", "-o", "address", "show"),
        10,
      );
      return said.includes(` ${address}/`) ? [host] : [];
    }),
  );
  return found.flat();
}
