import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { operatorCaFile } from "../../infra/model/tls.ts";
import { checkout } from "./places.ts";

/** Path of the CA certificates of a stack's servers, written by the last run of the stack's program here. */
export const operatorCaPath = (stack: string): string => join(checkout, operatorCaFile(stack));

/** The CA certificates of a stack as PEM; undefined where none of its servers uses TLS, or the stack was never previewed here. */
export const readOperatorCa = (stack: string): Promise<string | undefined> =>
  readFile(operatorCaPath(stack), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
