import type { FuzzSubject } from "../subject.ts";

/** Hostile input for agents that read messages. */
export const messageSubjects: readonly FuzzSubject[] = [];
