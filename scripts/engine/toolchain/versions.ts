import { readFileSync } from "node:fs";
import path from "node:path";
import { checkout } from "../places.ts";

/** `3.259.0`, `v3.259.0-dev.1`: the three numbers, or undefined. */
export type Version = readonly [major: number, minor: number, patch: number];

export function parseVersion(text: string): Version | undefined {
  const match = /^(?:go|v)?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text.trim());
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined;
}

/** Whether `found` has the same major version as `wanted` and is not older. */
export function satisfies(found: Version | undefined, wanted: Version): boolean {
  if (!found || found[0] !== wanted[0]) return false;
  return found[1] > wanted[1] || (found[1] === wanted[1] && found[2] >= wanted[2]);
}

/** The provider plugins that infra/ uses, by the engine's names. */
export type ProviderName = "command" | "rabbitmq";

export interface PinnedVersions {
  /** The SDK has the version of the engine that it was released with. */
  readonly engine: string;
  readonly providers: { readonly [name in ProviderName]: string };
}

/** package.json pins the SDKs exactly. Engine and plugins follow, so that each version is written once. */
export function pinnedVersions(): PinnedVersions {
  const { dependencies } = JSON.parse(readFileSync(path.join(checkout, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const pinned = (name: string): string => {
    const version = dependencies[name];
    if (!version || !/^\d+\.\d+\.\d+$/.test(version)) {
      throw new Error(`package.json: dependencies.${name}: an exact version is expected, got ${version}`);
    }
    return version;
  };
  return {
    engine: pinned("@pulumi/pulumi"),
    providers: { command: pinned("@pulumi/command"), rabbitmq: pinned("@pulumi/rabbitmq") },
  };
}
