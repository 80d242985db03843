import { fixedSeeds, randomSeed } from "../seeds.ts";
import { testRuns } from "../tests.ts";
import { textSubjects } from "./subjects.ts";

// A stack file takes twenty times as long to read and to check as another text.
testRuns(textSubjects, [...fixedSeeds, randomSeed()], (name) => (name === "stack" ? 500 : 10_000));
