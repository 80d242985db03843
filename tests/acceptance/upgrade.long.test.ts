import { oneLab } from "./one-lab.ts";
import { useSubject } from "./subject.ts";
import { upgraded } from "./upgrade.ts";
import { upgradeStackText } from "./upgrade-subject.ts";

// Two clusters in their own lab.
useSubject("upgrade", "lab", upgradeStackText);
oneLab();

upgraded();
