import { quote } from "../commands/command.ts";
import { checkedMark } from "../commands/files.ts";
import { askedAs } from "../commands/question.ts";
import { section } from "../commands/sections.ts";
import { foldersAbove, keeperOf } from "../model/keeper.ts";
import type { ArtifactModel, HostModel } from "../model/types.ts";

/**
 * A read-only script that reports everything about a host that the model needs. `parseObservation` parses its output; missing things don't
 * appear in it.
 */
export function observationScript(host: HostModel): string {
  const lines = [
    "export LC_ALL=C",
    "cd /",
    `echo ${quote(section("stat"))}`,
    ...byKeeper(host, placesOf(host), statOf),
    `echo ${quote(section("sha256"))}`,
    ...byKeeper(host, hashed(host), digestOf),
    ...host.artifacts.flatMap(largeDigest),
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
  // A missing thing gives an exit code other than 0; only the output counts.
  lines.push(`echo ${quote(section("end"))}`);
  return `${lines.join("\n")}\n`;
}

/** The state of the thing itself, even if it is a link. A link's target is quoted, so no name can break the line. */
const statOf = (paths: string): string => `stat --printf='%f %U %G %s %h %n\\t%N\\n' -- ${paths}`;

/** Digests of plain files only: a link leads elsewhere, and a FIFO never ends. */
const digestOf = (paths: string): string => `find ${paths} -maxdepth 0 -type f -exec sha256sum -- '{}' +`;

/** One command for root's folders, and one for each other account's folders, run as that account. */
function byKeeper(host: HostModel, paths: readonly string[], ask: (paths: string) => string): string[] {
  const groups = Map.groupBy(paths, (path) => keeperOf(host, path).account);
  return [...groups].map(([account, own]) => askedAs(account, ask(own.map(quote).join(" "))));
}

/** All paths of the model and the folders above them: if such a folder is a link, everything below it is elsewhere. */
function placesOf(host: HostModel): string[] {
  const named = [...host.files, ...host.artifacts, ...host.directories].map(({ path }) => path);
  return [...new Set(named.flatMap((path) => [...foldersAbove(path), path]))];
}

function hashed(host: HostModel): string[] {
  return [
    ...host.files.map((file) => file.path),
    ...host.artifacts.filter((artifact) => !checkedMark(artifact)).map((artifact) => artifact.path),
  ];
}

/** The digest of a large program, if it may have changed since it was installed. `find` fails without the mark. */
function largeDigest(artifact: ArtifactModel): string[] {
  const mark = checkedMark(artifact);
  if (mark === undefined) return [];
  const path = quote(artifact.path);
  const changed = `find ${path} -maxdepth 0 -type f -cnewer ${quote(mark)} -exec sha256sum -- '{}' +`;
  return [`${changed} 2>/dev/null || ${digestOf(path)} 2>/dev/null`];
}
