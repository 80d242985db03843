/** Names of the things on a host that no path or unit names; steps and drift are known by them. */
export const accountsName = "accounts and folders";
export const packagesName = "packages";

export const brokerPackage = "rabbitmq-server";

/** The unit that Debian's package gives a RabbitMQ node. */
export const brokerUnit = "rabbitmq-server.service";

/** The file by which the broker is told of its plugins: Erlang's list of names. */
export const pluginsFile = "/etc/rabbitmq/enabled_plugins";

/** What a broker has from its first start on: its administrator. Imported again, it gives him back. */
export const definitionsFile = "/etc/rabbitmq/warren-definitions.json";

/** The step by which a host is a member of its cluster. */
export const memberStep = (cluster: string): string => `member of ${cluster}`;

/** The step on each member by which nobody else is one. */
export const rollStep = (cluster: string): string => `members of ${cluster}`;

/** The unit that keeps the firewall's rules in the kernel, and their file. */
export const firewallUnit = "warren-firewall.service";
export const firewallRules = "/etc/warren/firewall.nft";

/** The agent that declares the queues of all. */
export const dispatcherUnit = "warren-dispatcher.service";

export const pullerUnit = "warren-puller.service";

/** Debian's name for vsftpd. */
export const ftpUnit = "vsftpd.service";

export const keepalivedUnit = "keepalived.service";
