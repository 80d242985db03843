import { fixedSeeds, randomSeed } from "../seeds.ts";
import { messageRunners } from "../subjects.ts";
import { onOneBroker, perAgent, testRuns } from "../tests.ts";

const subjects = onOneBroker(messageRunners);
testRuns(subjects, [...fixedSeeds, randomSeed()], perAgent(5000, subjects));
