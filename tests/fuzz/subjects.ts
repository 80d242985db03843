import { fileSubjects } from "./files/subjects.ts";
import { messageSubjects } from "./messages/subjects.ts";
import type { FuzzSubject } from "./subject.ts";
import { textSubjects } from "./texts/subjects.ts";

/** Everything that can be fuzzed, in the order in which a run of all takes them. */
export const fuzzSubjects: readonly FuzzSubject[] = [...messageSubjects, ...fileSubjects, ...textSubjects];
