import { UserError } from "../../agents/lib/errors.ts";
import { type Command, run } from "../../infra/commands/command.ts";
import { act } from "../lib/host-action.ts";
import type { Reach } from "../runbook/reach.ts";

/** @returns what it says @throws UserError with the host's words where it fails */
export async function onHost(
  reach: Reach,
  host: string,
  title: string,
  command: Command,
  timeoutSeconds: number,
): Promise<string> {
  const outcome = await act(reach, { host, title, command, timeoutSeconds });
  if ("output" in outcome) return outcome.output;
  throw new UserError(host, `${title}: ${outcome.why}`, "mend it; the same command goes on");
}

/** Who of these has an address now. */
export async function holdersAmong(reach: Reach, hosts: readonly string[], address: string): Promise<string[]> {
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
