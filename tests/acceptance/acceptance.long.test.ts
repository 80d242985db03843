import { backupAndRestore } from "./backup.ts";
import { chaos } from "./chaos.ts";
import { closed, managementFrom } from "./closed.ts";
import { closedNetwork } from "./closed-network.ts";
import { driftOfMembers } from "./drift-of-members.ts";
import { ending } from "./ending.ts";
import { fewPerSecond } from "./flowing.ts";
import { goneHost } from "./gone-host.ts";
import { healthyHour } from "./health.ts";
import { hostileClient } from "./hostile-client.ts";
import { ldap } from "./ldap.ts";
import { membership } from "./membership.ts";
import { oneLab } from "./one-lab.ts";
import { packagesUpgraded } from "./package-upgrade.ts";
import { plainPulumi } from "./plain-pulumi.ts";
import { rollingRestart } from "./rolling.ts";
import { rollout } from "./rollout.ts";
import { useSubject } from "./subject.ts";
import { verifyNamesFaults } from "./verify-faults.ts";
import { virtualIpSlowly } from "./virtual-ip.ts";
import { virtualIpMoves } from "./virtual-ip-moves.ts";

// The slow tests that acceptance.lab.test.ts leaves out, on the same stack.
useSubject("long", "lab");
oneLab();

healthyHour();
plainPulumi();
goneHost();
hostileClient();
closedNetwork();
backupAndRestore();
rollout({ mayDeliverTwice: true, perSecond: fewPerSecond });
rollingRestart({ perSecond: fewPerSecond });
packagesUpgraded({ mayDeliverTwice: true, perSecond: fewPerSecond });
verifyNamesFaults({ all: true });
driftOfMembers();
closed();
managementFrom();
ldap({ all: true });
virtualIpSlowly();
virtualIpMoves();
chaos({
  // Stopping a broker for longer than its node's timeout causes a partition as well.
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
