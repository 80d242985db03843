import { execa } from "execa";
import { UserError } from "../../../agents/lib/errors.ts";
import type { AdoptedStack } from "../../../infra/adopt/stack.ts";
import { type EngineCommand, engineCommand, ensureStack, readPulumi } from "../../engine/engine.ts";
import { configKey } from "../../engine/stack-config.ts";
import type { Toolchain } from "../../engine/toolchain/toolchain.ts";

export interface RecordOptions {
  readonly stack: string;
  readonly toolchain: Toolchain;
  readonly say: (text: string) => void;
}

/**
 * What is recorded of other hosts, or of these at another time, would make a difference to be done of everything that is recorded now.
 * @throws UserError where the stack has a state already
 */
export async function requireNoState({ stack, toolchain }: Omit<RecordOptions, "say">): Promise<void> {
  const stacks = JSON.parse(await readPulumi(["stack", "ls", "--json"], { stack, toolchain })) as StackRow[];
  const found = stacks.find(({ name }) => name.split("/").at(-1) === stack);
  if (!found?.resourceCount) return;
  throw new UserError(
    `stack ${stack}`,
    `has a state already, of ${found.resourceCount} resources`,
    `another -s STACK; or ${forgetting(stack)}`,
  );
}

/** No host is touched by it. */
const forgetting = (stack: string): string =>
  `have the state forgotten: ./warren pulumi stack rm --yes --force --preserve-config --stack ${stack}`;

interface StackRow {
  readonly name: string;
  readonly resourceCount?: number;
}

/** Puts the secrets into the stack, encrypted, each through standard input. The stack's file must be there. */
export async function storeSecrets({ secrets }: AdoptedStack, { stack, toolchain, say }: RecordOptions): Promise<void> {
  await ensureStack(stack, { toolchain });
  const entries = [
    ["warren:secrets.erlangCookie", secrets.erlangCookie] as const,
    ...Object.entries(secrets.passwords).map(
      ([user, value]) => [`warren:secrets.passwords${configKey(user)}`, value] as const,
    ),
    ...Object.entries(secrets.files).flatMap(([host, files]) =>
      Object.entries(files).map(
        ([path, value]) => [`warren:secrets.files${configKey(host)}${configKey(path)}`, value] as const,
      ),
    ),
  ];
  for (const [index, [path, value]] of entries.entries()) {
    say(`secrets: ${index + 1} of ${entries.length}`);
    const command = await engineCommand(["config", "set", "--secret", "--path", path, "--stack", stack], {
      stack,
      toolchain,
    });
    // The engine takes one line's end off what it reads.
    const { exitCode, stderr } = await run(command, `${value}\n`);
    if (exitCode !== 0) throw new UserError(`secret ${path}`, stderr.trim());
  }
}

/**
 * Records in the stack's state what is on the hosts: an `up` in which nothing is to be done but to note it. Then asks the hosts again.
 * @throws UserError with the engine's words where something differs from what was read
 */
export async function recordState({ stack, toolchain, say }: RecordOptions): Promise<void> {
  const operate = async (words: readonly string[], what: string, remedy: string) => {
    const command = await engineCommand([...words, "--stack", stack, "--non-interactive"], { stack, toolchain });
    const { exitCode, stdout, stderr } = await run(command, "");
    if (exitCode === 0) return;
    throw new UserError(
      `stack ${stack}`,
      `${what}\n${diagnosticsOf(`${stdout}\n${stderr}`).replaceAll(/^/gm, "    ")}`,
      remedy,
    );
  };
  const again = `what is recorded stays: see ./warren preview -s ${stack}; to begin anew, ${forgetting(stack)}, and --force`;
  say("recording what is there");
  await operate(["up", "--yes", "--skip-preview", "--suppress-outputs"], "what is there could not be recorded", again);
  say("asking the hosts once more");
  await operate(["preview", "--expect-no-changes"], "the hosts are not as they were read", again);
}

/** What the engine says at the end, without the steps before, and without warnings. */
function diagnosticsOf(said: string): string {
  const at = said.indexOf("Diagnostics:");
  const lines = said.slice(Math.max(0, at)).split("\n");
  return lines.filter((line) => line.trim() !== "" && !/^ *warning: /.test(line)).join("\n");
}

async function run({ program, args, cwd, env }: EngineCommand, input: string) {
  const { exitCode, stdout, stderr } = await execa(program, args, { cwd, env, extendEnv: false, input, reject: false });
  return { exitCode: exitCode ?? 1, stdout, stderr };
}
