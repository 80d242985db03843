import { chaos } from "./chaos.ts";
import { closed } from "./closed.ts";
import { memberIsReplaced } from "./member-replace.ts";
import { membership } from "./membership.ts";
import { oneLab } from "./one-lab.ts";
import { packagesUpgraded } from "./package-upgrade.ts";
import { drills } from "./rolling.ts";
import { rotation } from "./rotation.ts";
import { bringMadeSubject, useSubject } from "./subject.ts";

// Beside acceptance4.lab.test.ts, on the same stack: what takes minutes.
useSubject("long4", "lab4");
oneLab(bringMadeSubject);

closed();
drills();
// `up` on two cores leaves room for so many products a second.
rotation({ perSecond: 20 });
packagesUpgraded({ perSecond: 20 });
memberIsReplaced({ perSecond: 20 });
// Drills kill a broker and a dispatcher, and move the address.
chaos({ madeElsewhere: ["dispatcher-killed", "node-stop", "broker-killed", "vip-moved"] });
membership({ mended: false });
