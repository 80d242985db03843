import { renderRestartPause } from "../../templates/render.ts";
import { rootFile } from "./files.ts";
import type { FileModel } from "./types.ts";

/** The program of growing pauses between restarts, which unit templates name. */
export const restartPauseFile = (): FileModel =>
  rootFile("/usr/local/lib/warren/restart-pause", renderRestartPause({}), { mode: "0755" });
