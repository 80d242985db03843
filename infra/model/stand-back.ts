import { renderStandBack } from "../../templates/render.ts";
import { rootFile } from "./files.ts";
import type { FileModel } from "./types.ts";
import { standBackFolder } from "./vrrp-state.ts";

/** By which an operator, and the dispatcher's unit, have this host stand behind the others for its virtual IPs. */
export const standBackProgram = "/usr/local/lib/warren/stand-back";

export const standBackFile = (): FileModel =>
  rootFile(standBackProgram, renderStandBack({ folder: standBackFolder.path }), { mode: "0755" });
