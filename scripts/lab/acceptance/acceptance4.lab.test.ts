import { afterAll, beforeAll } from "vitest";
import { labDown } from "../index.ts";
import { chaos } from "./chaos.ts";
import { closed } from "./closed.ts";
import { figuresTable } from "./figures.ts";
import { ldap } from "./ldap.ts";
import { membership } from "./membership.ts";
import { provisioning } from "./provisioning.ts";
import { rolling } from "./rolling.ts";
import { rotation } from "./rotation.ts";
import { bringSubject, lab, useSubject } from "./subject.ts";
import { products } from "./traffic.ts";

// The newer generation: Debian 13, three members of RabbitMQ 4.0, quorum queues, TLS alone. What doesn't depend on the generation is
// driven once, in acceptance.lab.test.ts; test files run one after the other.
useSubject("acceptance4", "lab4");
beforeAll(bringSubject);
afterAll(async () => {
  process.stdout.write(figuresTable());
  await labDown(lab);
});

provisioning();
products();
closed();
ldap();
rolling();
// `up` on two cores leaves room for so many products a second.
rotation({ perSecond: 20 });
// Drills kill a broker and a dispatcher, and move the address.
chaos({ madeElsewhere: ["dispatcher-killed", "node-stop", "broker-killed", "vip-moved"] });
membership({ mended: false });
