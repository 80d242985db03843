import { afterAll, beforeAll } from "vitest";
import { labDown } from "../index.ts";
import { figuresTable } from "./figures.ts";
import { ldap } from "./ldap.ts";
import { provisioning } from "./provisioning.ts";
import { publicRoad } from "./public-road.ts";
import { rollingRestart } from "./rolling.ts";
import { bringSubject, lab, useSubject } from "./subject.ts";
import { products } from "./traffic.ts";

// The newer generation: Debian 13, three members of RabbitMQ 4.0, quorum queues, TLS alone. What doesn't depend on the generation is
// driven once, in acceptance.lab.test.ts; test files run one after the other. What takes minutes is in acceptance4.long.test.ts.
useSubject("acceptance4", "lab4");
beforeAll(bringSubject);
afterAll(async () => {
  process.stdout.write(figuresTable());
  await labDown(lab);
});

provisioning();
products();
publicRoad();
ldap();
rollingRestart();
