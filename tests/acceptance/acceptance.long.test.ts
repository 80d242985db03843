import { backupAndRestore } from "./backup.ts";
import { chaos } from "./chaos.ts";
import { closed, managementFrom } from "./closed.ts";
import { driftOfMembers } from "./drift-of-members.ts";
import { ending } from "./ending.ts";
import { ldap } from "./ldap.ts";
import { membership } from "./membership.ts";
import { oneLab } from "./one-lab.ts";
import { rollout } from "./rollout.ts";
import { useSubject } from "./subject.ts";
import { verifyNamesFaults } from "./verify-faults.ts";
import { virtualIpSlowly } from "./virtual-ip.ts";
import { virtualIpMoves } from "./virtual-ip-moves.ts";

// Beside acceptance.lab.test.ts, on the same stack: what takes minutes.
useSubject("long", "lab");
oneLab();

backupAndRestore();
rollout({ mayDeliverTwice: true });
verifyNamesFaults({ all: true });
driftOfMembers();
closed();
managementFrom();
ldap({ all: true });
virtualIpSlowly();
virtualIpMoves();
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
ending({ upAgain: true });
