import { hostsOf } from "../../scripts/lab/send-products.ts";
import { on, stackConfig } from "./subject.ts";

const unitsOfRole = {
  urp: ["apache2.service", "warren-announcer.service"],
  bunny: ["rabbitmq-server.service", "keepalived.service", "warren-dispatcher.service"],
  pds: ["warren-puller.service"],
  px: [
    "warren-delivery-sftp.service",
    "warren-delivery-ftp.service",
    "warren-dd-notify.service",
    "warren-receiver-urls.service",
  ],
  dd: [
    "rabbitmq-server.service",
    "apache2.service",
    "ssh.service",
    "vsftpd.service",
    "warren-watcher.service",
    "warren-queue-manager.service",
    "warren-bridge-sr3-posts.service",
  ],
  client: ["warren-subscriber.service"],
} as const;

export type UnitRole = keyof typeof unitsOfRole;
export const unitRoles = Object.keys(unitsOfRole) as UnitRole[];

export const isAgent = (name: string): boolean => name.includes(" warren-");

/** A property of every unit of warren's on every host, by `HOST UNIT`. */
export async function allUnits(property: string): Promise<Map<string, string>> {
  const config = await stackConfig();
  const asked = unitRoles.flatMap((role) =>
    hostsOf(config, role).map(async (host) => {
      const units = unitsOfRole[role];
      const { stdout } = await on(host, `systemctl show --value --property=${property} ${units.join(" ")}`);
      const values = stdout.split("\n").filter(Boolean);
      return units.map((unit, index) => [`${host} ${unit}`, values[index] ?? ""] as const);
    }),
  );
  return new Map((await Promise.all(asked)).flat());
}

/** What systemd calls each run of each unit: another one after a restart. */
export const invocations = (): Promise<Map<string, string>> => allUnits("InvocationID");
