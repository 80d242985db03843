import type { Chapter, Proof } from "./trace.ts";
import { deliveryChapters } from "./trace-delivery.ts";
import { installationChapters } from "./trace-installation.ts";
import { loginChapters, virtualIpChapters } from "./trace-login.ts";
import { radarChapters } from "./trace-radar.ts";

/** Every command, setting, example and sentence of the requirement that says what is to happen, in its order; its virtual IP by itself. */
export const chapters: readonly Chapter[] = [
  ...installationChapters,
  ...loginChapters,
  ...deliveryChapters,
  ...radarChapters,
  ...virtualIpChapters,
];

const all = chapters.flatMap((chapter) => chapter.lines).flatMap((line) => line.proofs);

/** Each proof of the chapters, once. */
export const proofs: readonly Proof[] = [...new Map(all.map((proof) => [proof.join(": "), proof])).values()];
