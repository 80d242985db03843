import { section } from "./sections.ts";

/** A recorded answer, with sections that begin as `== NAME`, as a host that this process asks would give it. */
export const answered = (recorded: string): string => recorded.replaceAll(/^== /gm, section(""));
