import { always, and, type Command, run } from "../../../../infra/commands/command.ts";
import { refreshLists, simulateUpgrade } from "../../../../infra/commands/packages.ts";
import { act, actionOn } from "../../../../infra/hosts/act.ts";
import type { Hosts } from "../../../../infra/hosts/connect.ts";
import { brokerPackage } from "../../../../infra/model/names.ts";

/** The upgrade of one package; without `from` it is a new dependency. */
export interface PackageStep {
  readonly name: string;
  readonly from?: string | undefined;
  readonly to: string;
}

/** The packages installed on a host, and those available in its archives. */
export interface PackageFacts {
  readonly installed: Readonly<Record<string, string>>;
  /** What apt would do to get the newest versions that the host's pins allow. */
  readonly steps: readonly PackageStep[];
  readonly removed: readonly string[];
  /** The newest version of each in the archives, regardless of pins. */
  readonly newest: Readonly<Record<string, string>>;
}

const updateSeconds = 300;
const simulateSeconds = 90;

/** The packages of the broker's runtime, which the model does not list because they are dependencies. */
const runtime = "erlang-*";

/** @returns the facts, or why the host or an archive does not answer */
export async function askPackages(
  reach: Hosts,
  host: string,
  names: readonly string[],
): Promise<PackageFacts | { readonly why: string }> {
  const title = "reports its packages";
  const first = await act(reach, actionOn(host, title, and(refreshLists(), installedOf(names)), updateSeconds));
  if ("why" in first) return first;
  const installed = parseInstalled(first.output);
  const second = await act(reach, actionOn(host, title, offersFor(Object.keys(installed)), simulateSeconds));
  if ("why" in second) return second;
  return { installed, ...parseOffers(second.output) };
}

/** Ignores dpkg's failure for packages that are not installed. */
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

/** Prints no sections: their marker is secret, and a command's arguments are visible in the host's process list. */
const offersFor = (names: readonly string[]): Command =>
  and(simulateUpgrade(names), run("apt-cache", "madison", ...names));

export function parseInstalled(answer: string): Record<string, string> {
  const lines = answer.matchAll(/^(\S+) (\S+) installed$/gm);
  return Object.fromEntries([...lines].map(([, name = "", version = ""]) => [name, version]));
}

/** Parses `Inst NAME [FROM] (TO ARCHIVE [ARCHITECTURE])`, `Remv NAME [FROM]`, and madison's `NAME | VERSION | ARCHIVE`, newest first. */
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
