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
 * With an older state, of these or other hosts, everything that is recorded now would appear as a change to be made.
 * @throws UserError where the stack already has a state
 */
export async function requireNoState({ stack, toolchain }: Omit<RecordOptions, "say">): Promise<void> {
  const stacks = JSON.parse(await readPulumi(["stack", "ls", "--json"], { stack, toolchain })) as StackRow[];
  const found = stacks.find(({ name }) => name.split("/").at(-1) === stack);
  if (!found?.resourceCount) return;
  throw new UserError(
    `stack ${stack}`,
    `already has a state, of ${found.resourceCount} resources`,
    `choose another -s STACK; or ${forgetting(stack)}`,
  );
}

/** Removes the state; touches no host. */
const forgetting = (stack: string): string =>
  `remove the state: ./warren pulumi stack rm --yes --force --preserve-config --stack ${stack}`;

interface StackRow {
  readonly name: string;
  readonly resourceCount?: number;
}

/** Stores the secrets in the stack, encrypted, each through standard input. The stack's file must exist. */
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
    // The engine strips one newline from its input.
    const { exitCode, stderr } = await run(command, `${value}\n`);
    if (exitCode !== 0) throw new UserError(`secret ${path}`, stderr.trim());
  }
}

/**
 * Records the hosts' configuration in the stack's state: an `up` that changes no host. Then reads the hosts again.
 * @throws UserError with the engine's message where something differs from what was read
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
  const again = `the record stays: see ./warren preview -s ${stack}; to start over, ${forgetting(stack)}, and --force`;
  say("recording the current configuration");
  await operate(
    ["up", "--yes", "--skip-preview", "--suppress-outputs"],
    "could not record the current configuration",
    again,
  );
  say("reading the hosts again");
  await operate(["preview", "--expect-no-changes"], "the hosts have changed since they were read", again);
}

/** The engine's final message, without the steps before it and without warnings. */
function diagnosticsOf(said: string): string {
  const at = said.indexOf("Diagnostics:");
  const lines = said.slice(Math.max(0, at)).split("\n");
  return lines.filter((line) => line.trim() !== "" && !/^ *warning: /.test(line)).join("\n");
}

async function run({ program, args, cwd, env }: EngineCommand, input: string) {
  const { exitCode, stdout, stderr } = await execa(program, args, { cwd, env, extendEnv: false, input, reject: false });
  return { exitCode: exitCode ?? 1, stdout, stderr };
}
