import type { Chapter, Proof } from "./trace.ts";
import { installationChapters } from "./trace-installation.ts";
import { loginChapters } from "./trace-login.ts";

/** Every command and setting of the requirement's chapters on installation, cluster and LDAP, and its virtual IP. */
export const chapters: readonly Chapter[] = [...installationChapters, ...loginChapters];

const all = chapters.flatMap((chapter) => chapter.lines).flatMap((line) => line.proofs);

/** Each proof of the chapters, once. */
export const proofs: readonly Proof[] = [...new Map(all.map((proof) => [proof.join(": "), proof])).values()];
