import { fixedSeeds, randomSeed } from "../seeds.ts";
import { testMessages } from "./tests.ts";

testMessages([...fixedSeeds, randomSeed()], 5000);
