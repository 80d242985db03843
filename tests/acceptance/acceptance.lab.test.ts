import { badConfig } from "./bad-config.ts";
import { brokerConfig } from "./broker-config.ts";
import { deadLetters } from "./dead-letters.ts";
import { drift } from "./drift.ts";
import { ending } from "./ending.ts";
import { fewPerSecond } from "./flowing.ts";
import { hostileFolders } from "./hostile-folders.ts";
import { installation } from "./installation.ts";
import { ldap } from "./ldap.ts";
import { oneLab } from "./one-lab.ts";
import { pageLogin } from "./page-login.ts";
import { provisioning } from "./provisioning.ts";
import { publicRoad } from "./public-road.ts";
import { rollingRestart } from "./rolling.ts";
import { withNewer } from "./stack-file.ts";
import { useSubject } from "./subject.ts";
import { killed, products } from "./traffic.ts";
import { troubledUp } from "./trouble.ts";
import { verifyNamesFaults } from "./verify-faults.ts";
import { virtualIp } from "./virtual-ip.ts";

// All parts share one lab with both paths, from bare hosts to none. Each part starts with the hosts as the previous one left them.
// Both generations are there: the public data server's broker is of RabbitMQ 4.0, and it and a puller run on Debian 13. A whole stack of
// the newer generation, and slow tests of code that seldom changes, are in acceptance4.long.test.ts and acceptance.long.test.ts.
useSubject("acceptance", "lab", (text) => withNewer(text, ["wxo-b1", "pds-3"], ["wxo-b1"]));
oneLab();

provisioning({ upAgain: true });
installation();
pageLogin();
ldap({ all: false });
products();
publicRoad();
verifyNamesFaults({ all: false });
brokerConfig();
virtualIp();
rollingRestart({ perSecond: fewPerSecond, hosts: ["pds-3", "bunny2"] });
killed();
drift();
hostileFolders();
troubledUp();
badConfig();
deadLetters();
ending({ upAgain: false });
