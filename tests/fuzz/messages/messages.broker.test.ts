import { fixedSeeds } from "../seeds.ts";
import { testMessages } from "./tests.ts";

// What is proved: these messages, on one broker without a cluster. Not proved: other seeds and five times as many messages,
// which messages.long.test.ts draws; what a
// message does after hours.

testMessages(fixedSeeds, 1000);
