import { fixedSeeds, randomSeed } from "../seeds.ts";
import { testTexts } from "./tests.ts";

testTexts([...fixedSeeds, randomSeed()], 10_000);
