import { chaos } from "./chaos.ts";
import { closed } from "./closed.ts";
import { hostileClient } from "./hostile-client.ts";
import { installation } from "./installation.ts";
import { ldap } from "./ldap.ts";
import { memberIsReplaced } from "./member-replace.ts";
import { membership } from "./membership.ts";
import { servedOverMqtt } from "./mqtt.ts";
import { oneLab } from "./one-lab.ts";
import { packagesUpgraded } from "./package-upgrade.ts";
import { provisioning } from "./provisioning.ts";
import { publicRoad } from "./public-road.ts";
import { drills, rollingRestart } from "./rolling.ts";
import { rotation } from "./rotation.ts";
import { useSubject } from "./subject.ts";
import { products } from "./traffic.ts";

// The newer generation: Debian 13, three members of RabbitMQ 4.0, quorum queues, only TLS. Tests that don't depend on the generation
// run once, in acceptance.lab.test.ts.
useSubject("long4", "lab4");
oneLab();

provisioning({ upAgain: true });
installation();
products();
publicRoad();
servedOverMqtt();
ldap({ all: true });
closed();
hostileClient();
rollingRestart();
drills();
rotation();
packagesUpgraded();
memberIsReplaced();
// Drills kill a broker and a dispatcher, and move the address.
chaos({ madeElsewhere: ["dispatcher-killed", "node-stop", "broker-killed", "vip-moved"] });
membership({ withDamage: false });
