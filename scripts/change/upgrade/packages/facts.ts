import { always, and, type Command, run } from "../../../../infra/commands/command.ts";
import { refreshLists, simulateUpgrade } from "../../../../infra/commands/packages.ts";
import { act, actionOn } from "../../../../infra/hosts/act.ts";
import type { Hosts } from "../../../../infra/hosts/connect.ts";
import { brokerPackage } from "../../../../infra/model/names.ts";

/** One package from a version to another; without `from` it comes new, as another one needs it. */
export interface PackageStep {
  readonly name: string;
  readonly from?: string | undefined;
  readonly to: string;
}

/** What a host has of packages, and what its archives have for it now. */
export interface PackageFacts {
  readonly installed: Readonly<Record<string, string>>;
  /** What apt would do for the newest versions that the host's pins let in. */
  readonly steps: readonly PackageStep[];
  readonly removed: readonly string[];
  /** The newest version of each in the archives, whatever pins say. */
  readonly newest: Readonly<Record<string, string>>;
}

const updateSeconds = 300;
const simulateSeconds = 90;

/** The broker's runtime has packages of its own, which no model names: they come as it needs them. */
const runtime = "erlang-*";

/** @returns why, where the host can't be asked or an archive doesn't answer */
export async function askPackages(
  reach: Hosts,
  host: string,
  names: readonly string[],
): Promise<PackageFacts | { readonly why: string }> {
  const title = "is asked for its packages";
  const first = await act(reach, actionOn(host, title, and(refreshLists(), installedOf(names)), updateSeconds));
  if ("why" in first) return first;
  const installed = parseInstalled(first.output);
  const second = await act(reach, actionOn(host, title, offersFor(Object.keys(installed)), simulateSeconds));
  if ("why" in second) return second;
  return { installed, ...parseOffers(second.output) };
}

/** Fails where one is not there, which is none of its business. */
const installedOf = (names: readonly string[]): Command =>
  always(
    run(
      "dpkg-query",
      "--show",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own
      "--showformat=${Package} ${Version} ${db:Status-Status}\\n",
      ...names,
      ...(names.includes(brokerPackage) ? [runtime] : []),
    ),
    run("true"),
  );

/** In no sections: how they begin is a secret of this side, and the words of a command stand in the host's list of processes. */
const offersFor = (names: readonly string[]): Command =>
  and(simulateUpgrade(names), run("apt-cache", "madison", ...names));

export function parseInstalled(answer: string): Record<string, string> {
  const lines = answer.matchAll(/^(\S+) (\S+) installed$/gm);
  return Object.fromEntries([...lines].map(([, name = "", version = ""]) => [name, version]));
}

/** Reads `Inst NAME [FROM] (TO ARCHIVE [ARCHITECTURE])`, `Remv NAME [FROM]`, and madison's `NAME | VERSION | ARCHIVE`, the newest first. */
export function parseOffers(answer: string): Omit<PackageFacts, "installed"> {
  const steps = [...answer.matchAll(/^Inst (\S+) (?:\[(\S+)\] )?\((\S+)/gm)];
  const removed = [...answer.matchAll(/^(?:Remv|Purg) (\S+)/gm)];
  const newest: Record<string, string> = {};
  for (const [, name = "", version = ""] of answer.matchAll(/^ *(\S+) \| +(\S+) \|/gm)) newest[name] ??= version;
  return {
    steps: steps.map(([, name = "", from, to = ""]) => ({ name, from, to })),
    removed: removed.map(([, name = ""]) => name),
    newest,
  };
}
