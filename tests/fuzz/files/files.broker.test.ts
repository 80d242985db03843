import { fixedSeeds } from "../seeds.ts";
import { deliverySubjects, fileRunners } from "../subjects.ts";
import { onOneBroker, testRuns } from "../tests.ts";

// A file costs a hundred times what a message costs, and one that is delivered ten times that: fewer are tried here than of messages.
// `./warren fuzz announcer --count 100000` tries as many as there is time for.
testRuns(onOneBroker(fileRunners), fixedSeeds, () => 500);
testRuns(deliverySubjects, fixedSeeds, () => 100);
