import { badConfig } from "./bad-config.ts";
import { brokerConfig } from "./broker-config.ts";
import { deadLetters } from "./dead-letters.ts";
import { drift } from "./drift.ts";
import { ending } from "./ending.ts";
import { hostileFolders } from "./hostile-folders.ts";
import { installation } from "./installation.ts";
import { oneLab } from "./one-lab.ts";
import { pageLogin } from "./page-login.ts";
import { provisioning } from "./provisioning.ts";
import { publicRoad } from "./public-road.ts";
import { killed, products } from "./traffic.ts";
import { troubledUp } from "./trouble.ts";
import { verifyNamesFaults } from "./verify-faults.ts";
import { virtualIp } from "./virtual-ip.ts";

// All parts share one lab with both paths, from bare hosts to none. Each part starts with the hosts as the previous one left them.
// Slow tests of code that seldom changes are in acceptance.long.test.ts.
oneLab();

provisioning({ upAgain: true });
installation();
pageLogin();
products();
publicRoad();
verifyNamesFaults({ all: false });
brokerConfig();
virtualIp();
killed();
drift();
hostileFolders();
troubledUp();
badConfig();
deadLetters();
ending({ upAgain: false });
