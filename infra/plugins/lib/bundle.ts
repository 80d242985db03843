import { build } from "esbuild";

/**
 * Bundles a plugin's main.ts into one CommonJS file. CommonJS, because the bundled libraries (gRPC, protobuf, ssh2) are CommonJS and load Node's
 * modules with `require`. ssh2's optional native modules are left out; it works without them.
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
