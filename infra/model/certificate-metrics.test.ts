import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeCertificate } from "../../tests/rigs/test-certificates.ts";
import { certificateMetrics } from "./certificate-metrics.ts";
import type { PartContext } from "./part.ts";

const context = (bundle: string, certificate: string) =>
  ({
    host: "bunny1",
    certificates: { bundle, rotating: false, hosts: { bunny1: { certificate, key: "" } } },
  }) as unknown as PartContext;

it("has the time at which the server's certificate and the current CA's expire", async () => {
  const folder = await mkdtemp(join(tmpdir(), "warren-expiry-"));
  try {
    const { caFile, certificateFile } = await makeCertificate(folder, "one", ["DNS:bunny1"]);
    const [ca, certificate] = await Promise.all([caFile, certificateFile].map((file) => readFile(file, "utf8")));
    const [file] = certificateMetrics(context(`${ca}${certificate}`, certificate ?? ""));
    const seconds = [...(file?.content ?? "").matchAll(/of="(\w+)"\} (\d+)\n/g)].map(([, of, at]) => [
      of,
      Number(at) * 1000 > Date.now(),
    ]);
    expect(seconds).toEqual([
      ["server", true],
      ["ca", true],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("is no file on a host without a certificate", () => {
  expect(certificateMetrics(context("", ""))).toEqual([]);
});
