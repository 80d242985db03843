import { readFileSync } from "node:fs";
import type { Shape } from "../lib/shape.ts";
import type { PropertyMap } from "../lib/values.ts";
import { ManagementApi } from "./management-api.ts";

/** The official provider's configuration. Nothing is required, because everything may come from the environment. */
export const configShape: Shape = {
  endpoint: { type: "string", rule: httpUrl },
  username: { type: "string" },
  password: { type: "string", secret: true },
  insecure: { type: "boolean" },
  cacertFile: { type: "string" },
  clientcertFile: { type: "string" },
  clientkeyFile: { type: "string" },
  proxy: { type: "string", rule: httpUrl },
};

const environmentNames: { readonly [name: string]: string } = {
  endpoint: "RABBITMQ_ENDPOINT",
  username: "RABBITMQ_USERNAME",
  password: "RABBITMQ_PASSWORD",
  insecure: "RABBITMQ_INSECURE",
  cacertFile: "RABBITMQ_CACERT",
  clientcertFile: "RABBITMQ_CLIENTCERT",
  clientkeyFile: "RABBITMQ_CLIENTKEY",
  proxy: "RABBITMQ_PROXY",
};

/** The connection of this provider process: configured once, opened by the first resource that uses it. */
export class Connection {
  #api: ManagementApi | undefined;
  #make: (() => ManagementApi) | undefined;

  open(config: PropertyMap): void {
    const setting = (name: string): string | undefined => {
      const value = config[name] ?? process.env[environmentNames[name] ?? ""];
      return value === undefined || value === "" ? undefined : String(value);
    };
    const required = (name: string): string => setting(name) ?? missing(name);
    const login = { endpoints: [required("endpoint")], username: required("username"), password: required("password") };
    const file = (name: string) => readPem(name, setting(name));
    this.close();
    // A checkout that has not run the stack's program yet has no file of the CA: the engine reads the state's resources before the program writes it.
    this.#make = () => {
      const [ca, cert, key] = [file("cacertFile"), file("clientcertFile"), file("clientkeyFile")];
      return new ManagementApi({
        ...login,
        insecure: /^(1|t|true)$/i.test(setting("insecure") ?? ""),
        ca,
        clientCertificate: cert === undefined || key === undefined ? undefined : { cert, key },
        proxy: setting("proxy"),
      });
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

function missing(name: string): never {
  const flag = name === "password" ? "--secret " : "";
  throw new Error(
    `rabbitmq: ${name} is not set: \`pulumi config set ${flag}rabbitmq:${name} …\`, or ${environmentNames[name]} in the environment`,
  );
}

function readPem(name: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? `${path} isn't there yet; if this stack's program writes it, run again` : message;
    throw new Error(`rabbitmq: ${name}: ${why}`);
  }
}

function httpUrl(value: unknown): string | undefined {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return undefined;
  return "expected a URL such as http://bunny1:15672, got other text";
}
