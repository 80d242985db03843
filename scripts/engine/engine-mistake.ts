import { UserError } from "../../agents/lib/errors.ts";

type Mistake = readonly [said: RegExp, tell: (stack: string, found: RegExpExecArray) => UserError];

/** Common mistakes, by the messages of the engine's version 3. */
const mistakes: readonly Mistake[] = [
  [
    /no stack named '.*' found/,
    (stack) =>
      new UserError(
        `stack ${stack}`,
        "was never deployed: the engine has no state for it",
        `./warren up -s ${stack}; if its state is elsewhere, set PULUMI_BACKEND_URL`,
      ),
  ],
  [
    /incorrect passphrase/,
    (stack) =>
      new UserError(
        `stack ${stack}`,
        "its secrets are encrypted with another passphrase",
        `give the right passphrase, in stacks/Pulumi.${stack}.passphrase or by PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE`,
      ),
  ],
  [
    /unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open (.+): (.+)/,
    (_, [, file = "", why = ""]) =>
      new UserError(
        file,
        `holds no passphrase: ${why}`,
        "PULUMI_CONFIG_PASSPHRASE_FILE names it: correct it, or unset it",
      ),
  ],
  [
    /no space left on device/,
    (_, { input }) => new UserError("pulumi", input.trim(), "free some space, then run the same command again"),
  ],
];

/** The user's mistake, with a remedy, that the engine's error message shows; undefined for any other message. Pure. */
export function engineMistake(stack: string, said: string): UserError | undefined {
  for (const [pattern, tell] of mistakes) {
    const found = pattern.exec(said);
    if (found) return tell(stack.split("/").at(-1) ?? stack, found);
  }
  return undefined;
}
