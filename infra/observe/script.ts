import { quote } from "../commands/command.ts";
import { askedAs } from "../commands/question.ts";
import { section } from "../commands/sections.ts";
import { foldersAbove, keeperOf } from "../model/keeper.ts";
import type { HostModel } from "../model/types.ts";

/**
 * One read-only script that answers everything the model wants to know of a host. Its answer is lines, parsed by
 * `parseObservation`; things that are missing simply don't appear.
 */
export function observationScript(host: HostModel): string {
  const lines = [
    "export LC_ALL=C",
    "cd /",
    `echo ${quote(section("stat"))}`,
    ...byKeeper(host, placesOf(host), statOf),
    `echo ${quote(section("sha256"))}`,
    ...byKeeper(host, hashed(host), digestOf),
    `echo ${quote(section("accounts"))}`,
    ...(host.accounts.length > 0
      ? [`getent passwd ${host.accounts.map((account) => quote(account.name)).join(" ")}`]
      : []),
  ];
  if (host.packages.length > 0) {
    const names = host.packages.map((one) => quote(one.name)).join(" ");
    lines.push(
      `echo ${quote(section("packages"))}`,
      `dpkg-query -W -f='\${Package} \${Version} \${db:Status-Want} \${db:Status-Status}\\n' ${names} 2>/dev/null`,
    );
  }
  if (host.units.length > 0) {
    lines.push(
      `echo ${quote(section("units"))}`,
      `systemctl show --property=Id,ActiveState,UnitFileState ${host.units.map((unit) => quote(unit.name)).join(" ")}`,
    );
  }
  lines.push(`echo ${quote(section("addresses"))}`, "ip -4 -o address show scope global");
  lines.push(`echo ${quote(section("listening"))}`, "ss -Hltn 2>/dev/null");
  // A host without one of the things answers with an exit code; the answer counts, not the code.
  lines.push(`echo ${quote(section("end"))}`);
  return `${lines.join("\n")}\n`;
}

/** Of the thing itself, also where it is a link. What a link points to is quoted: no name in it ends the line. */
const statOf = (paths: string): string => `stat --printf='%f %U %G %s %h %n\\t%N\\n' -- ${paths}`;

/** Of plain files alone: a link would lead elsewhere, and a FIFO never ends. */
const digestOf = (paths: string): string => `find ${paths} -maxdepth 0 -type f -exec sha256sum -- '{}' +`;

/** One command for root's folders, and one for those of each other account, as that account. */
function byKeeper(host: HostModel, paths: readonly string[], ask: (paths: string) => string): string[] {
  const groups = Map.groupBy(paths, (path) => keeperOf(host, path).account);
  return [...groups].map(([account, own]) => askedAs(account, ask(own.map(quote).join(" "))));
}

/** Everything that the model names, and all folders above: one that is a link leads all below it elsewhere. */
function placesOf(host: HostModel): string[] {
  const named = [...host.files, ...host.artifacts, ...host.directories].map(({ path }) => path);
  return [...new Set(named.flatMap((path) => [...foldersAbove(path), path]))];
}

/** Files by their digest; the runtime, over a hundred megabytes, by its size alone. */
export const digestBytesMax = 16 * 1024 * 1024;

function hashed(host: HostModel): string[] {
  return [
    ...host.files.map((file) => file.path),
    ...host.artifacts.filter((artifact) => artifact.bytes <= digestBytesMax).map((artifact) => artifact.path),
  ];
}
