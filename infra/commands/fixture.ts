import { section } from "./sections.ts";

/** A recorded answer, in which sections begin with `== NAME`, converted to what a host would answer to this process. */
export const answered = (recorded: string): string => recorded.replaceAll(/^== /gm, section(""));
