import { randomSeed } from "../seeds.ts";
import { testMessages } from "./tests.ts";

testMessages([randomSeed()]);
