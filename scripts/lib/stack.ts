import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { parseStackConfig, type StackConfig } from "../../infra/config/index.ts";
import { readPulumi } from "../toolchain/engine.ts";
import { checkout } from "../toolchain/places.ts";

/** One entry of `pulumi config --json`. */
interface ConfigEntry {
  readonly value?: string;
  readonly objectValue?: unknown;
}

/** A stack's config with its secrets, as the engine decrypts it; the stack must exist. */
export async function readStackConfig(stack: string): Promise<StackConfig> {
  const text = await readPulumi(["config", "--json", "--show-secrets", "--stack", stack], { stack });
  const entries = Object.entries(JSON.parse(text) as Record<string, ConfigEntry>);
  return parseStackConfig(
    Object.fromEntries(entries.map(([key, entry]) => [key.replace(/^warren:/, ""), entry.objectValue ?? entry.value])),
    `stack ${stack}`,
  );
}

/** The text of a committed stack file, e.g. of `lab`. */
export function stackText(stack: string): string {
  return readFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), "utf8");
}

/** One section of a stack file as it is written, secrets still encrypted. */
export function stackSection(text: string, section: string): unknown {
  const file = parse(text) as { readonly config?: Record<string, unknown> };
  return file.config?.[`warren:${section}`];
}
