import type * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import { hostKeySchema } from "../../../infra/config/host-key.ts";
import { addressSchema } from "../../../infra/config/hosts.ts";
import { runbookOptions } from "../../lib/options.ts";
import { type Book, changing, timeoutOption, waitOption } from "../runbook.ts";

export interface MemberFlags {
  readonly address?: string;
  readonly hostKey?: string;
  readonly evenIfItAnswers?: true;
}

export const memberBook: Book = {
  verb: "member replace",
  asksLate: true,
  options: (command) => {
    const replace = command
      .command("replace <host>")
      .description("replace a dead host with a bare one of the same name");
    waitOption(changing(runbookOptions(replace)), "time limit for the system to recover after `up`", 300)
      .option("--address <address>", "address of the new host, if it differs")
      .option("--host-key <key>", "public key of the new host, as compared on its console")
      .option("--even-if-it-answers", "replace the host even if it still answers; its units are stopped first");
    return timeoutOption(replace, 1800);
  },
  help: `The new host is a fresh Debian with ssh and the stack's login key. The other hosts must be healthy, and able to work without the dead one. The command
writes the new key (and address) to the stack file, removes the dead member from the cluster, copies another dispatcher's journal to the new host, builds
it with \`up\`, and waits until the system is healthy. It lists what was stored only on the dead host. If it is interrupted, run it again to continue.
--json: {stack, host, seconds, took, lost, notes, flow}
Exit codes: 0 replaced, and verify finds no broken link, 1 failed, 2 replaced, but a link is broken, which is reported; 130 Ctrl-C.

  ./warren member replace bunny1 -s op --dry-run
  ./warren member replace bunny1 -s op --host-key "ssh-ed25519 AAAA…"
  ./warren member replace pds-3 -s op --address 142.135.12.58`,
};

/** Address and host key of the new host, if given. @throws UserError if one of them is invalid */
export const readPlace = ({ address, hostKey }: MemberFlags) => ({
  address: readAs("--address", addressSchema, address),
  hostKey: readAs("--host-key", hostKeySchema, hostKey),
});

function readAs(option: string, schema: z.ZodType<string>, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const read = schema.safeParse(text);
  if (read.success) return read.data;
  throw new UserError(option, `${read.error.issues[0]?.message ?? "expected another text"}, got ${text}`);
}
