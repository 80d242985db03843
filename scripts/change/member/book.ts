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
    const replace = command.command("replace <host>").description("replace a dead host by a bare one of the same name");
    waitOption(changing(runbookOptions(replace)), "for all to recover after `up`", 300)
      .option("--address <address>", "of the new host, if it differs")
      .option("--host-key <key>", "the new host's public key, compared on its console")
      .option("--even-if-it-answers", "although the old host still answers: its units are stopped first");
    return timeoutOption(replace, 1800);
  },
  help: `The new host is a fresh Debian with ssh and the stack's login key. The other hosts must be healthy, and able to work without the dead one. The command
writes the new key (and address) to the stack file, has the others forget the dead member, copies another dispatcher's journal to the new host, builds it
with \`up\`, and waits until all is healthy. It reports what was on the dead host alone. If it is broken off, run it again: it continues where it was.
--json: {stack, host, seconds, took, lost, notes, flow}
Exit codes: 0 replaced, and verify finds no broken link, 1 could not be done, 2 replaced, and a link is broken, which is reported; 130 Ctrl-C.

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
  throw new UserError(option, `${read.error.issues[0]?.message ?? "expected another text"}, got ${text}`);
}
