/** Names of steps that have no path or unit as their name. */
export const accountsName = "accounts and folders";
export const packagesName = "packages";

export const brokerPackage = "rabbitmq-server";

/** The unit of a RabbitMQ node, from Debian's package. */
export const brokerUnit = "rabbitmq-server.service";

/** The list of enabled plugins, as Erlang terms. */
export const pluginsFile = "/etc/rabbitmq/enabled_plugins";

/** Definitions that the broker loads at its first start: its administrator. Importing them again restores the administrator. */
export const definitionsFile = "/etc/rabbitmq/warren-definitions.json";

/** The step that makes a host a member of its cluster. */
export const memberStep = (cluster: string): string => `member of ${cluster}`;

/** The step on each member that removes all other nodes from the cluster. */
export const rollStep = (cluster: string): string => `members of ${cluster}`;

/** The resource of a user at a cluster. */
export const userResource = (cluster: string, user: string): string => `${cluster} user ${user}`;

/** The step that sets the limits of a cluster's users and queues. */
export const limitsStep = (cluster: string): string => `limits of ${cluster}`;

/** The unit that keeps the firewall's rules in the kernel, and their file. */
export const firewallUnit = "warren-firewall.service";
export const firewallRules = "/etc/warren/firewall.nft";

/** The agent that declares the shared queues. */
export const dispatcherUnit = "warren-dispatcher.service";

export const auditorUnit = "warren-auditor.service";

export const pullerUnit = "warren-puller.service";

/** Debian's name for vsftpd. */
export const ftpUnit = "vsftpd.service";

export const prometheusUnit = "prometheus.service";
export const alertmanagerUnit = "prometheus-alertmanager.service";

/** Apache in front of the live page. */
export const pageProxyUnit = "warren-page.service";

export const keepalivedUnit = "keepalived.service";

/** Environment variable of `preview` and `up`: if it is not empty, all differences of files are shown, not only a screenful. */
export const fullVariable = "WARREN_FULL";

/** Environment variable of the engine: folder of the locks of stacks. */
export const locksVariable = "WARREN_LOCKS";

/** Environment variable of `up`: names of hosts, separated by commas, that are gone for good. */
export const forgetVariable = "WARREN_FORGET";
