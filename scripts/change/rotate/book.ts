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
    changing(
      timeoutOption(
        waitOption(runbookOptions(command), "time limit for the system to recover after each change", 300),
        3600,
      ),
    )
      .addArgument(new Argument("<what>", "secret to renew").choices(kinds))
      .argument("[user]", "user of the brokers, with password")
      .option("--cut-off", "revoke the previous password even if clients are still connected with it"),
  help: `password USER: the agents' user (warren:announcements.user) is rotated without refused logins. Its twin, e.g. feeder-b, gets a new password, agents
switch to it one by one, then the previous user gets another password, and a login with the old one is checked to fail. The next rotation switches back.
For any other user the password changes at once.
cookie: a new Erlang cookie, which running nodes accept without a restart.
tls: a new CA and new certificates. Every host trusts the new CA before any server uses it.
ssh: a new login key pair. All hosts accept the new key before it replaces the old one, which is then refused.
delivery: the key and password with which px delivers to the public data server. Products wait on px for the seconds in which only one side has the new ones.

New secrets are random and stored encrypted in the stack file. The system must be healthy before, and is checked after each step. If the command is
interrupted, run it again to continue.
--json: {ok, what, phases: [{phase, outcome, seconds?, findings?}], findings, afterwards}
Exit codes: 0 done, 1 failed, 2 a problem was found before or in the middle, which is reported, or the stack file is invalid; 130 Ctrl-C.

  ./warren rotate password feeder -s op --dry-run
  ./warren rotate password anonymous -s op
  ./warren rotate cookie -s op --yes
  ./warren rotate tls -s op
  ./warren rotate ssh -s op
  ./warren rotate delivery -s op`,
};
