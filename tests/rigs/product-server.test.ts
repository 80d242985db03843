import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { announcementUrl } from "../../agents/lib/announcement.ts";
import { type ProductServer, serveProducts } from "./product-server.ts";

let directory = "";
let server: ProductServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "warren-server-"));
  await mkdir(join(directory, "served/db"), { recursive: true });
  await writeFile(join(directory, "secret"), "not for you");
  server = await serveProducts(join(directory, "served"));
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

describe("a product server", () => {
  test.each([
    ["a product as the source names it", "201501201810~~PA,60,10:URP:IWA:RADAR:META::20150120180902", "bytes"],
    ["a name with spaces, letters outside ASCII and URL characters", "GRÊLE 100% #2?+:URP:IWA:RADAR:META", "bytes"],
    ["a product of 0 bytes", "empty", ""],
    ["a product of 5 MB", "large", "x".repeat(5_000_000)],
  ])("serves announced files complete and with their length: %s", async (_which, name, content) => {
    await writeFile(join(directory, "served/db", name), content);
    const answer = await fetch(announcementUrl({ baseUrl: server.baseUrl, relPath: `db/${name}` }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-length")).toBe(String(content.length));
    expect((await answer.text()) === content).toBe(true);
  });

  test.each([
    ["a missing product", "db/none", 404],
    ["a folder", "db", 404],
    ["a path out of the folder", "..%2Fsecret", 400],
    ["a broken escape", "db/%E0%A4%A", 400],
  ])("refuses %s", async (_which, path, status) => {
    expect((await fetch(server.baseUrl + path)).status).toBe(status);
  });

  test("accepts only GET", async () => {
    expect((await fetch(`${server.baseUrl}db/empty`, { method: "PUT", body: "x" })).status).toBe(405);
  });
});
