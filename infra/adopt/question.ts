import { quote, render } from "../commands/command.ts";
import { rabbitmqctl } from "../commands/rabbitmq.ts";
import { section } from "../commands/sections.ts";
import { adoptable } from "../config/adopted.ts";

/** Configuration files of brokers that were set up by hand. The cookie is read for the stack's secrets, but is not an adopted file. */
export const brokerFiles = {
  terms: "/etc/rabbitmq/rabbitmq.config",
  conf: "/etc/rabbitmq/rabbitmq.conf",
  advanced: "/etc/rabbitmq/advanced.config",
  plugins: "/etc/rabbitmq/enabled_plugins",
  environment: "/etc/rabbitmq/rabbitmq-env.conf",
} as const;
export const keepalivedFile = "/etc/keepalived/keepalived.conf";
export const cookieFile = "/var/lib/rabbitmq/.erlang.cookie";

/** Folders with additional files of a service, of which only the names are read. */
const dropInFolders = ["/etc/rabbitmq/conf.d", "/etc/systemd/system/rabbitmq-server.service.d"] as const;

const textFiles = [...Object.values(brokerFiles), keepalivedFile, cookieFile];

/** A read-only script that reports everything about a host, run as root. `readAnswer` parses its output. */
export function question(): string {
  const begin = (name: string) => `echo; echo ${quote(section(name))}`;
  const services = adoptable.map((service) => quote(`${service}.service`)).join(" ");
  const lines = [
    "cd /",
    "export LC_ALL=C",
    begin("host"),
    "hostname -s",
    begin("release"),
    "cat /etc/os-release",
    begin("addresses"),
    "ip -o -4 address show 2>/dev/null",
    begin("packages"),
    `dpkg-query -W -f='\${Package} \${Version} \${db:Status-Want} \${db:Status-Status}\\n' ${adoptable.join(" ")} 2>/dev/null`,
    begin("units"),
    `systemctl show --property=Id,ActiveState,UnitFileState ${services}`,
    begin("stat"),
    `stat --format='%a %U %G %s %n' -- ${textFiles.map(quote).join(" ")} 2>/dev/null`,
    begin("names"),
    `find ${dropInFolders.map(quote).join(" ")} -type f 2>/dev/null`,
    ...textFiles.flatMap((path) => [begin(`file ${path}`), `base64 -- ${quote(path)} 2>/dev/null`]),
    begin("definitions"),
    `${render(rabbitmqctl("export_definitions", "-"))} 2>&1`,
    begin("cluster"),
    `${render(rabbitmqctl("--formatter", "json", "cluster_status"))} 2>&1`,
    begin("end"),
  ];
  return `${lines.join("\n")}\n`;
}
