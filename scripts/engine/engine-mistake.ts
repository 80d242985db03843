import { UserError } from "../../agents/lib/errors.ts";

type Mistake = readonly [said: RegExp, tell: (stack: string, found: RegExpExecArray) => UserError];

/** What people meet, in the engine's words of version 3. */
const mistakes: readonly Mistake[] = [
  [
    /no stack named '.*' found/,
    (stack) =>
      new UserError(
        `stack ${stack}`,
        "was never brought up: the engine has no state of it",
        `./warren up -s ${stack}; where its state is elsewhere, PULUMI_BACKEND_URL says where`,
      ),
  ],
  [
    /incorrect passphrase/,
    (stack) =>
      new UserError(
        `stack ${stack}`,
        "its secrets are encrypted with another passphrase than the one that is given",
        `give the right one: stacks/Pulumi.${stack}.passphrase, or what PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE say`,
      ),
  ],
  [
    /unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open (.+): (.+)/,
    (_, [, file = "", why = ""]) =>
      new UserError(
        file,
        `holds no passphrase: ${why}`,
        "PULUMI_CONFIG_PASSPHRASE_FILE names it: mend that, or unset it",
      ),
  ],
  [
    /no space left on device/,
    (_, { input }) => new UserError("pulumi", input.trim(), "make room, and give the same command again"),
  ],
];

/** A person's mistake in what the engine says when it fails, with its remedy; undefined for anything else. Pure. */
export function engineMistake(stack: string, said: string): UserError | undefined {
  for (const [pattern, tell] of mistakes) {
    const found = pattern.exec(said);
    if (found) return tell(stack.split("/").at(-1) ?? stack, found);
  }
  return undefined;
}
