import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { writeAtomic } from "../../agents/lib/atomic-file.ts";
import { poll } from "../lib/poll.ts";

/** The loop polls ten times a second, but a busy machine may delay it by half a minute just after the broker's start. */
const timeoutMs = 120_000;
const probeIntervalMs = 50;
/** In the broker's folder: the script to evaluate, and its result. Both appear atomically, by a rename. */
const scriptName = "evaluate";
const answerName = "evaluated";

/** Erlang that runs in the broker: polls for a script ten times a second, evaluates and removes it, then writes its value. */
export function evaluatorLoop(directory: string): string {
  const [script, answer] = [scriptName, answerName].map((name) => JSON.stringify(path.join(directory, name)));
  const evaluate = `Value = (catch file:script(${script})), file:delete(${script})`;
  const tell = `file:write_file(${answer} ++ ".new", io_lib:format("~tp", [Value])), file:rename(${answer} ++ ".new", ${answer})`;
  const look = `case filelib:is_file(${script}) of true -> ${evaluate}, ${tell}; false -> ok end`;
  return `spawn(fun Loop() -> ${look}, timer:sleep(100), Loop() end).`;
}

/** Evaluates an expression (without its final dot) by the loop; resolves to its value as Erlang prints it. */
export async function evaluateIn(directory: string, expression: string, isRunning: () => boolean): Promise<string> {
  const [script, answer] = [path.join(directory, scriptName), path.join(directory, answerName)];
  await rm(answer, { force: true });
  await writeAtomic(script, `${expression}.\n`, { synced: "nothing" });
  const asked = async () => {
    const text = await readFile(answer, "utf8").catch(() => undefined);
    return text === undefined ? !isRunning() && { text } : { text };
  };
  const text = (await poll(asked, { everyMs: probeIntervalMs, withinMs: timeoutMs }))?.text;
  if (text !== undefined) return text;
  const why = isRunning() ? `within ${timeoutMs / 1000} s` : "before it ended";
  throw new Error(`the local broker did not evaluate ${expression} ${why}`);
}
