import { renderStandBack } from "../../templates/render.ts";
import { rootFile } from "./files.ts";
import type { FileModel } from "./types.ts";
import { standBackFolder } from "./vrrp-state.ts";

/** The program with which an operator, or the dispatcher's unit, makes this host step aside for its virtual IPs. */
export const standBackProgram = "/usr/local/lib/warren/stand-back";

export const standBackFile = (): FileModel =>
  rootFile(standBackProgram, renderStandBack({ folder: standBackFolder.path }), { mode: "0755" });
