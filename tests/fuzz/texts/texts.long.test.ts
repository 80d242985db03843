import { fixedSeeds, randomSeed } from "../seeds.ts";
import { testRuns } from "../tests.ts";
import { textSubjects } from "./subjects.ts";

// Reading and checking a stack file takes twenty times as long as reading another text.
testRuns(textSubjects, [...fixedSeeds, randomSeed()], (name) => (name === "stack" ? 500 : 10_000));
