import { fixedSeeds } from "../seeds.ts";
import { messageRunners } from "../subjects.ts";
import { onOneBroker, perAgent, testRuns } from "../tests.ts";

// What is proved: these messages, on one broker without a cluster. Not proved: other seeds and five times as many messages,
// which messages.long.test.ts draws; what a message does after hours.

const subjects = onOneBroker(messageRunners);
testRuns(subjects, fixedSeeds, perAgent(1000, subjects));
