import { fewPerSecond } from "./flowing.ts";
import { installation } from "./installation.ts";
import { ldap } from "./ldap.ts";
import { oneLab } from "./one-lab.ts";
import { provisioning } from "./provisioning.ts";
import { rollingRestart } from "./rolling.ts";
import { withHosts } from "./stack-file.ts";
import { useSubject } from "./subject.ts";
import { products } from "./traffic.ts";

// The newer generation: Debian 13, three members of RabbitMQ 4.0, quorum queues, only TLS. Tests that don't depend on the generation
// run once, in acceptance.lab.test.ts; test files run one after the other. This lab has only the hosts that these tests need: the others
// would mostly add processor time to the first `up`. acceptance4.long.test.ts has all hosts and the slow tests.
useSubject("acceptance4", "lab4", (text) =>
  withHosts(text, ["urp-1", "urp-2", "bunny1", "bunny2", "bunny3", "pds-1", "pds-2", "ldap-1"]),
);
oneLab();

provisioning({ upAgain: false });
installation();
products();
ldap({ all: false });
rollingRestart({ perSecond: fewPerSecond, hosts: ["urp-1", "pds-1", "bunny1"] });
