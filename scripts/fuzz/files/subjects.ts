import type { FuzzSubject } from "../subject.ts";

/** Hostile input for agents that read files. */
export const fileSubjects: readonly FuzzSubject[] = [];
