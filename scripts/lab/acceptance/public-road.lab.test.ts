import { afterAll, beforeAll } from "vitest";
import { labDown } from "../index.ts";
import { figuresTable } from "./figures.ts";
import { publicProvisioning, publicRoad } from "./public-road.ts";
import { bringSubject, lab, useSubject } from "./subject.ts";

// The other road: three hosts alone, from bare to none. What all hosts have in common is driven in acceptance.lab.test.ts.
useSubject("acceptance-dd", "lab-dd");
beforeAll(bringSubject);
afterAll(async () => {
  process.stdout.write(figuresTable());
  await labDown(lab);
});

publicProvisioning();
publicRoad();
