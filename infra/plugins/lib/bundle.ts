import { build } from "esbuild";

/**
 * Makes one CommonJS file of a plugin's main.ts. CommonJS, because the libraries inside (gRPC, protobuf, ssh2) are and load
 * Node's own modules by `require`; ssh2's optional native parts stay outside and are not missed.
 */
export async function bundlePlugin(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    minifySyntax: true,
    external: ["cpu-features", "*.node"],
    logLevel: "error",
  });
}
