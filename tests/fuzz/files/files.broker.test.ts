import { fixedSeeds } from "../seeds.ts";
import { deliverySubjects, fileRunners } from "../subjects.ts";
import { onOneBroker, testRuns } from "../tests.ts";

// A file takes a hundred times as long as a message, and a delivered file ten times as long as that, so these runs are shorter.
// `./warren fuzz announcer --count 100000` makes a long run.
testRuns(onOneBroker(fileRunners), fixedSeeds, () => 75);
testRuns(deliverySubjects, fixedSeeds, () => 25);
