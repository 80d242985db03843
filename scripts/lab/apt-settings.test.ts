import { describe, expect, it } from "vitest";
import { parseAptOptions, parseMirrors, parseResolvers, sourceLines } from "./apt-settings.ts";

describe("a host's apt settings from the machine", () => {
  it("are only those for access to archives", () => {
    const dump = [
      'APT::Architecture "amd64";',
      'Acquire::Check-Valid-Until "false";',
      'Acquire::http::Proxy "http://proxy:3128";',
      'Acquire::https "";',
      'Acquire::Languages "none";',
      'DPkg::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";',
    ].join("\n");
    expect(parseAptOptions(dump)).toEqual([
      'Acquire::Check-Valid-Until "false";',
      'Acquire::http::Proxy "http://proxy:3128";',
    ]);
  });

  it.each([
    ["one line", "deb [arch=amd64] http://mirror.example/debian/ bookworm main\n"],
    ["deb822", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"],
  ])("include the mirror, from sources in the %s format", (_, sources) => {
    expect(parseMirrors(sources).mirror).toBe("http://mirror.example/debian");
  });

  it("include no other mirror and none that is commented out", () => {
    const sources = "# deb http://old.example/debian bookworm main\ndeb http://archive.ubuntu.com/ubuntu noble main\n";
    expect(parseMirrors(sources)).toEqual({
      mirror: "http://deb.debian.org/debian",
      securityMirror: "http://deb.debian.org/debian-security",
    });
  });
});

it("a host's apt sources are its release, the updates and the security updates", () => {
  const settings = { options: [], mirror: "http://m/debian", securityMirror: "http://s/debian-security" };
  expect(sourceLines("trixie", settings)).toEqual([
    "deb http://m/debian trixie main",
    "deb http://m/debian trixie-updates main",
    "deb http://s/debian-security trixie-security main",
  ]);
});

describe("a host's resolvers", () => {
  it("are the machine's, if a host can reach them", () => {
    expect(parseResolvers("search x\nnameserver 192.0.2.53\n", "nameserver 192.0.2.54\n")).toEqual(["192.0.2.53"]);
  });

  it("are those behind a stub on loopback", () => {
    expect(parseResolvers("nameserver 127.0.0.53\n", "nameserver 192.0.2.54\n")).toEqual(["192.0.2.54"]);
  });

  it("are none if all are on loopback", () => {
    expect(parseResolvers("nameserver 127.0.0.1\nnameserver ::1\n", "")).toEqual([]);
  });
});
