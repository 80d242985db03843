import type { Chapter } from "./trace.ts";
import { installationChapters } from "./trace-installation.ts";
import { loginChapters } from "./trace-login.ts";

/** Every command and setting of the requirement's chapters on installation, cluster and LDAP, and its virtual IP. */
export const chapters: readonly Chapter[] = [...installationChapters, ...loginChapters];
