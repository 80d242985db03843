import { afterAll, beforeAll } from "vitest";
import { labDown } from "../index.ts";
import { backupAndRestore } from "./backup.ts";
import { badConfig } from "./bad-config.ts";
import { badProducts } from "./bad-products.ts";
import { brokerConfig } from "./broker-config.ts";
import { chaos } from "./chaos.ts";
import { closed, managementFrom } from "./closed.ts";
import { drift } from "./drift.ts";
import { ending } from "./ending.ts";
import { figuresTable } from "./figures.ts";
import { installation } from "./installation.ts";
import { ldap } from "./ldap.ts";
import { membership } from "./membership.ts";
import { messagesSurvive } from "./messages-survive.ts";
import { provisioning } from "./provisioning.ts";
import { publicRoad } from "./public-road.ts";
import { bringSubject, lab } from "./subject.ts";
import { agentKills, products } from "./traffic.ts";
import { unreachable } from "./unreachable.ts";
import { quickFaults, verifyNamesFaults } from "./verify-faults.ts";
import { virtualIp } from "./virtual-ip.ts";
import { virtualIpMoves } from "./virtual-ip-moves.ts";

// One lab for all of it, with both roads, from bare hosts to none, and every part goes on from where the one before it has left the hosts.
beforeAll(bringSubject);
afterAll(async () => {
  process.stdout.write(figuresTable());
  await labDown(lab);
});

provisioning();
installation();
products();
publicRoad();
backupAndRestore({ killed: true });
verifyNamesFaults({ faults: quickFaults, answerWithinSeconds: 10 });
brokerConfig();
closed();
managementFrom();
ldap();
virtualIp();
virtualIpMoves();
agentKills();
messagesSurvive();
chaos({
  // A broker that is stopped for longer than its node's timeout is parted from the other one as well.
  mayRepeatAfter: ["link-cut", "partition", "broker-stopped"],
  mayDeliverTwice: true,
  madeElsewhere: [
    "dispatcher-both-killed",
    "dispatcher-stopped",
    "vip-moved",
    "node-stop",
    "memory-alarm",
    "hosts-rebooted",
  ],
});
membership();
drift();
unreachable();
badConfig();
badProducts();
ending();
