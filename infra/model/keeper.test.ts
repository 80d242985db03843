import { describe, expect, it } from "vitest";
import { parseStackConfig } from "../config/index.ts";
import { fixtureConfig, fixtureModel, hostOf, stackValues } from "./fixture.ts";
import { keeperOf, withFoldersBetween } from "./keeper.ts";

const px = { owner: "px", group: "px", mode: "0755" };

describe("the keeper of a path", () => {
  it("is the owner of the first folder above it that doesn't belong to root", () => {
    const pds = hostOf("pds-1");
    expect(keeperOf(pds, "/apps/px/rxq/pull_urp")).toEqual({ account: "px", folder: "/apps/px" });
    expect(keeperOf(pds, "/apps/px/any/thing/below")).toEqual({ account: "px", folder: "/apps/px" });
    expect(keeperOf(hostOf("bunny1"), "/var/lib/rabbitmq/.erlang.cookie").account).toBe("rabbitmq");
    expect(keeperOf(hostOf("wxo-b1"), "/apps/dd/public/citypage_weather").account).toBe("px");
  });

  it("is root if only root can replace the thing, whoever owns it", () => {
    for (const [host, path] of [
      ["pds-1", "/apps/px"],
      ["bunny1", "/var/lib/rabbitmq"],
      ["bunny1", "/run/warren/vrrp"],
      ["bunny1", "/etc/rabbitmq"],
      ["wxo-b1", "/apps/dd/public"],
      ["pds-1", "/apps/pxx/rxq"],
      ["pds-1", "/"],
    ] as const) {
      expect(keeperOf(hostOf(host), path)).toEqual({ account: "root", folder: "/" });
    }
  });

  it("is known for folders of packages, even without folders in the model, as on adopted hosts", () => {
    expect(keeperOf({ directories: [] }, "/var/lib/rabbitmq/.erlang.cookie").account).toBe("rabbitmq");
  });
});

describe("the folders of a host", () => {
  it("include those between them and their keeper's, before their subfolders, each once", () => {
    const home = { path: "/apps/px", ...px };
    const queues = ["a", "b"].map((name) => ({ path: `/apps/px/txq/deep/${name}`, ...px }));
    expect(withFoldersBetween([home, ...queues]).map(({ path }) => path)).toEqual([
      "/apps/px",
      "/apps/px/txq",
      "/apps/px/txq/deep",
      "/apps/px/txq/deep/a",
      "/apps/px/txq/deep/b",
    ]);
    expect(withFoldersBetween([home, ...queues])[1]).toEqual({ path: "/apps/px/txq", ...px });
  });

  it("are complete below folders of other accounts, on every host of every stack", () => {
    for (const stack of ["lab", "lab4", "op", "dev"]) {
      for (const { directories, files } of fixtureModel(fixtureConfig(stack)).hosts) {
        expect(withFoldersBetween(directories, files)).toEqual(directories);
      }
    }
  });

  it("include those above a file", () => {
    const broker = hostOf("bunny1").directories.map(({ path, owner }) => `${path} ${owner}`);
    expect(broker).toEqual(expect.arrayContaining(["/etc/rabbitmq rabbitmq", "/etc/rabbitmq/tls rabbitmq"]));
  });

  it("in another account's folder are refused with a remedy", () => {
    const values = stackValues("lab") as { announcements: object };
    const config = parseStackConfig(
      { ...values, announcements: { ...values.announcements, productRoot: "/var/lib/rabbitmq/db" } },
      "lab",
    );
    expect(() => fixtureModel(config)).toThrow(
      "would belong to px:px in /var/lib/rabbitmq, a folder of rabbitmq, who could replace it",
    );
  });
});
