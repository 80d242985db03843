import { quote } from "../commands/command.ts";
import { section } from "../commands/sections.ts";
import type { HostModel } from "../model/types.ts";

/**
 * One read-only script that answers everything the model wants to know of a host. Its answer is lines, parsed by
 * `parseObservation`; things that are missing simply don't appear.
 */
export function observationScript(host: HostModel): string {
  const text = [...host.files, ...host.artifacts].map((file) => file.path);
  const stats = [...text, ...host.directories.map((directory) => directory.path)];
  const lines = [
    "export LC_ALL=C",
    `echo ${quote(section("stat"))}`,
    `stat --format='%a %U %G %s %n' -- ${stats.map(quote).join(" ")} 2>/dev/null`,
    `echo ${quote(section("sha256"))}`,
    `sha256sum -- ${hashed(host).map(quote).join(" ")} 2>/dev/null`,
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

/** Files by their digest; the runtime, over a hundred megabytes, by its size alone. */
export const digestBytesMax = 16 * 1024 * 1024;

function hashed(host: HostModel): string[] {
  return [
    ...host.files.map((file) => file.path),
    ...host.artifacts.filter((artifact) => artifact.bytes <= digestBytesMax).map((artifact) => artifact.path),
  ];
}
