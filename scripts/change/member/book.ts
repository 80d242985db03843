import type { z } from "zod";
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
      .description("a dead host replaced by a bare one of the same name");
    waitOption(changing(runbookOptions(replace)), "for all to be whole again after `up`", 300)
      .option("--address <address>", "of the new host, where it has another one")
      .option("--host-key <key>", "the new host's public key, compared on its console")
      .option("--even-if-it-answers", "the old host answers still: its units are stopped first");
    return timeoutOption(replace, 1800);
  },
  help: `The new host is a fresh Debian with ssh and the stack's login key. The others have to be whole, and able to go on without the dead one. Then: its key
(and address) go into the stack file, the others forget the dead member, another dispatcher's journal goes to the new host, \`up\` builds it, and all is
waited for until it is whole. What was on the dead host alone is said. Broken off in whatever way, the same command goes on where it was.
--json: {stack, host, seconds, took, lost, notes, flow}
Exit codes: 0 replaced, and verify finds nothing, 1 could not be done, 2 replaced, and something is broken, which is said; 130 Ctrl-C.

  ./warren member replace bunny1 -s op --dry-run
  ./warren member replace bunny1 -s op --host-key "ssh-ed25519 AAAA…"
  ./warren member replace pds-3 -s op --address 142.135.12.58`,
};

/** Where the new host is and what its key is, as far as the flags say it. @throws UserError where one is none */
export const readPlace = ({ address, hostKey }: MemberFlags) => ({
  address: readAs("--address", addressSchema, address),
  hostKey: readAs("--host-key", hostKeySchema, hostKey),
});

function readAs(option: string, schema: z.ZodType<string>, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const read = schema.safeParse(text);
  if (read.success) return read.data;
  throw new UserError(option, `${read.error.issues[0]?.message ?? "another text"} is expected, got ${text}`);
}
