import { parseStackConfig, type StackConfig } from "../config/index.ts";
import { readAnswer } from "./answer.ts";
import type { AdoptOptions, AskedHost } from "./asked.ts";
import { type Answering, answerOf, notesKeepalived } from "./fixture.ts";
import { type AdoptedStack, adoptStack } from "./stack.ts";

function asked(answering: Answering, address: string): AskedHost {
  const host = readAnswer(answerOf(answering));
  if (!host) throw new TypeError("a truncated answer");
  return { given: address, address, host };
}

/** The two brokers of the installation notes, both changed by `more`. */
export const notesPair = (more: Partial<Answering> = {}): AskedHost[] => [
  asked({ host: "bunny1", ...more }, "142.135.12.57"),
  asked(
    {
      host: "bunny2",
      ...more,
      files: { "/etc/keepalived/keepalived.conf": notesKeepalived.replace("150", "100"), ...more.files },
    },
    "142.135.12.58",
  ),
];

/** Passwords of the notes' users, which match the fixture's hashes. */
export const notesPasswords: Readonly<Record<string, string>> = { root: "feeder-password", feeder: "feeder-password" };

const notesOptions: AdoptOptions = {
  stack: "old",
  ssh: { user: "root", privateKeyFile: ".warren/labs/lab/id_ed25519" },
  passwords: notesPasswords,
  queues: /^/,
};

export const notesStack = (hosts = notesPair(), more: Partial<AdoptOptions> = {}): AdoptedStack =>
  adoptStack(hosts, { ...notesOptions, ...more });

export const configOf = ({ values, secrets }: AdoptedStack): StackConfig =>
  parseStackConfig({ ...values, secrets }, "old");
