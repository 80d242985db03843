import { fewPerSecond } from "./flowing.ts";
import { ldap } from "./ldap.ts";
import { oneLab } from "./one-lab.ts";
import { provisioning } from "./provisioning.ts";
import { publicRoad } from "./public-road.ts";
import { rollingRestart } from "./rolling.ts";
import { useSubject } from "./subject.ts";
import { products } from "./traffic.ts";

// The newer generation: Debian 13, three members of RabbitMQ 4.0, quorum queues, TLS alone. What doesn't depend on the generation is
// driven once, in acceptance.lab.test.ts; test files run one after the other. What takes minutes is in acceptance4.long.test.ts.
useSubject("acceptance4", "lab4");
oneLab();

provisioning();
products();
publicRoad();
ldap();
rollingRestart({ perSecond: fewPerSecond, hosts: ["pds-1", "urp-1", "px-1", "bunny1", "bunny2"] });
