import type { Codec } from "./announcement.ts";
import { codecExp } from "./codec-exp.ts";
import { codecV00 } from "./codec-v00.ts";
import { codecV02 } from "./codec-v02.ts";
import { codecV03 } from "./codec-v03.ts";
import { codecWis } from "./codec-wis.ts";

export type WireFormat = "v00" | "v02" | "v03" | "exp" | "wis";

/** Every wire format by its name in topics and configs. */
export const codecs: Readonly<Record<WireFormat, Codec>> = {
  v00: codecV00,
  v02: codecV02,
  v03: codecV03,
  exp: codecExp,
  wis: codecWis,
};
