import { readFileSync } from "node:fs";
import type { Shape } from "../lib/shape.ts";
import type { PropertyMap } from "../lib/values.ts";
import { ManagementApi } from "./management-api.ts";
import { text } from "./naming.ts";

/** The part of the official provider's configuration that warren's program sets, and a proxy. */
export const configShape: Shape = {
  endpoint: { type: "string", required: true, rule: httpUrl },
  username: { type: "string", required: true },
  password: { type: "string", required: true, secret: true },
  cacertFile: { type: "string" },
  proxy: { type: "string", rule: httpUrl },
};

/** The connection of this provider process: configured once, opened by the first resource that uses it. */
export class Connection {
  #api: ManagementApi | undefined;
  #make: (() => ManagementApi) | undefined;

  open(config: PropertyMap): void {
    const [endpoint = "", username = "", password = ""] = ["endpoint", "username", "password"].map((name) =>
      text(config, name),
    );
    this.close();
    // A checkout that has not run the stack's program yet has no file of the CA: the engine reads the state's resources before the program writes it.
    this.#make = () => {
      const ca = typeof config.cacertFile === "string" ? readPem(config.cacertFile) : undefined;
      const proxy = typeof config.proxy === "string" ? config.proxy : undefined;
      return new ManagementApi({ endpoints: [endpoint], username, password, ca, proxy });
    };
  }

  get api(): ManagementApi {
    this.#api ??= this.#make?.();
    if (this.#api === undefined) {
      throw new Error("rabbitmq: the broker's address or login depends on a resource that has not been created yet");
    }
    return this.#api;
  }

  close(): void {
    this.#api?.close();
    this.#api = undefined;
    this.#make = undefined;
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? `${path} isn't there yet; if this stack's program writes it, run again` : message;
    throw new Error(`rabbitmq: cacertFile: ${why}`);
  }
}

function httpUrl(value: unknown): string | undefined {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return undefined;
  return "expected a URL such as http://bunny1:15672, got other text";
}
