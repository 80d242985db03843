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
    changing(timeoutOption(waitOption(runbookOptions(command), "for all to recover after a change", 300), 3600))
      .addArgument(new Argument("<what>", "the secret to renew").choices(kinds))
      .argument("[user]", "the brokers' user, with password")
      .option("--cut-off", "refuse the former password although clients are still connected with it"),
  help: `password USER: for the agents' user (warren:announcements.user) nobody is refused in between. Its twin, e.g. feeder-b, gets a new password, agents change
  over to it one by one, then the former user gets another password, and a login with the old one is seen to fail. The next rotation goes back. For any
  other user the password changes at once.
cookie: the new Erlang cookie, which running nodes accept without a restart.
tls: a new CA and certificates. Every host trusts the new CA before anybody uses it.
ssh: a new login key pair. All hosts accept the new key before it replaces the old one, which is then refused.
delivery: the key and password that px delivers to the public data server with. Products wait on px for the seconds in which one side has the new ones.

New secrets are random, and stored encrypted in the stack file. All must be healthy before, and is healthy after each step. If the command is broken off,
run it again: it continues where it was.
--json: {ok, what, phases: [{phase, outcome, seconds?, findings?}], findings, afterwards}
Exit codes: 0 done, 1 could not be done, 2 something was wrong before or half way, which is reported, or the stack file is wrong; 130 Ctrl-C.

  ./warren rotate password feeder -s op --dry-run
  ./warren rotate password anonymous -s op
  ./warren rotate cookie -s op --yes
  ./warren rotate tls -s op
  ./warren rotate ssh -s op
  ./warren rotate delivery -s op`,
};
