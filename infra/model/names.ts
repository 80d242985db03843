/** Names of the things on a host that no path or unit names; steps and drift are known by them. */
export const accountsName = "accounts and folders";
export const packagesName = "packages";

/** The unit that Debian's package gives a RabbitMQ node. */
export const brokerUnit = "rabbitmq-server.service";
