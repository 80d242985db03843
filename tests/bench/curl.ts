import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";

const run = promisify(execFile);

/** Version of the installed curl, e.g. `7.88.1`. @throws UserError if curl is missing */
export async function curlVersion(): Promise<string> {
  const { stdout } = await run("curl", ["--version"]).catch((cause: Error) => {
    throw new UserError("curl", "is not installed", "apt-get install curl", { cause });
  });
  return stdout.split(" ")[1] ?? "";
}

/** Files per second of `curl --parallel` with `connections`, over its complete run. `config` is a config file's text. */
export async function downloadByCurl(
  config: string,
  configFile: string,
  {
    files,
    connections,
    signal,
  }: { readonly files: number; readonly connections: number; readonly signal: AbortSignal },
): Promise<number> {
  await writeFile(configFile, config);
  const flags = [
    "--parallel",
    "--parallel-max",
    String(connections),
    "--globoff",
    "--fail",
    "--silent",
    "--show-error",
  ];
  const beganMs = performance.now();
  await run("curl", [...flags, "--config", configFile], { signal });
  return files / ((performance.now() - beganMs) / 1000);
}
