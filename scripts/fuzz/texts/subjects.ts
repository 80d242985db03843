import type { FuzzSubject } from "../subject.ts";

/** Hostile input for stack files and px configs. */
export const textSubjects: readonly FuzzSubject[] = [];
