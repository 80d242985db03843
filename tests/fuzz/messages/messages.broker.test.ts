import { fixedSeeds } from "../seeds.ts";
import { messageRunners } from "../subjects.ts";
import { onOneBroker, perAgent, testRuns } from "../tests.ts";

// Tests these messages on one broker without a cluster. messages.long.test.ts tests other seeds and many times as many messages.
// Effects of a message after hours are not tested.

const subjects = onOneBroker(messageRunners);
testRuns(subjects, fixedSeeds, perAgent(150, subjects));
