import { Argument } from "commander";
import { runbookOptions } from "../../lib/options.ts";
import { type Book, changing, timeoutOption, waitOption } from "../runbook.ts";

export interface RotateFlags {
  readonly cutOff?: true;
}

const kinds = ["password", "cookie", "tls", "ssh", "delivery"] as const;
export type Kind = (typeof kinds)[number];

export const rotateBook: Book = {
  verb: "rotate",
  asksLate: true,
  options: (command) =>
    changing(timeoutOption(waitOption(runbookOptions(command), "for all to be whole after a change", 300), 3600))
      .addArgument(new Argument("<what>", "of which a new one is made").choices(kinds))
      .argument("[user]", "of the brokers, for password")
      .option("--cut-off", "refuse a former password although clients are connected by it"),
  help: `password: of the agents' user (warren:announcements.user) nobody is refused meanwhile: its twin, e.g. feeder-b, gets a new password, agents go over to it
one by one, and then the former user's password is changed and seen to be refused. The next rotation goes back. Of another user: changed at once.
cookie: nodes that run take the new one without a restart. tls: the next CA and certificates, trusted before they are shown. ssh: a new key pair, let in by
all hosts before it takes the old one's place, which is then refused. delivery: key and password by which px delivers to the public data server; products
wait on px for the seconds in which one side alone has the new ones.
New secrets are random, and encrypted in the stack file. All has to be whole before, and is whole after each step. Broken off, in whatever way, the same
command goes on.
--json: {ok, what, phases: [{phase, outcome, seconds?, findings?}], findings, afterwards}
Exit codes: 0 done, 1 could not be done, 2 something is wrong before or half way, which is said, or the stack file is wrong; 130 Ctrl-C.

  ./warren rotate password feeder -s op --dry-run
  ./warren rotate password anonymous -s op
  ./warren rotate cookie -s op --yes
  ./warren rotate tls -s op
  ./warren rotate ssh -s op
  ./warren rotate delivery -s op`,
};
