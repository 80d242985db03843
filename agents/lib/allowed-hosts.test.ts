import { describe, expect, test } from "vitest";
import { isAllowed, parseAllowedHost } from "./allowed-hosts.ts";

const allowed = ["urp-1:80", "URP-2.example.", "10.203.0.11", "2001:db8::1", "[2001:DB8:0::2]:8080"];

describe("a URL", () => {
  test.each([
    "http://urp-1/",
    "http://URP-1/",
    "http://urp-1:80/",
    "http://%75rp-1/",
    "https://Urp-2.Example.:8443/",
    "http://10.203.0.11/",
    "http://10.203.11/",
    "http://0x0acb000b/",
    "http://[2001:db8::1]/",
    "http://[2001:0DB8:0:0::1]:9/",
    "http://[2001:db8::2]:8080/",
  ])("%s is on an allowed host", (url) => {
    expect(isAllowed(new URL(url), allowed)).toBe(true);
  });

  test.each([
    ["an unlisted port", "http://urp-1:9103/"],
    ["the port of another protocol", "https://urp-1/"],
    ["a host behind a user name", "http://urp-1@169.254.169.254/"],
    ["a host behind a user name and a password", "http://urp-1:80@169.254.169.254/"],
    ["a host before a backslash", "http://169.254.169.254\\@urp-1/"],
    ["a name that begins like it", "http://urp-1.evil.example/"],
    ["a name that ends like it", "http://evil-urp-1/"],
    ["a final dot, which makes it a DNS name", "http://urp-1./"],
    ["two final dots", "http://urp-1../"],
    ["a host in the path", "http://169.254.169.254/urp-1:80"],
    ["loopback by name", "http://localhost/"],
    ["loopback as a number", "http://2130706433/"],
    ["loopback of IPv6", "http://[::1]/"],
    ["an IPv4 address within IPv6", "http://[::ffff:10.203.0.11]/"],
    ["another port of an IPv6 address", "http://[2001:db8::2]/"],
  ])("is not with %s: %s", (_, url) => {
    expect(isAllowed(new URL(url), allowed)).toBe(false);
  });

  test("is on no allowed host if there is none", () => {
    expect(isAllowed(new URL("http://urp-1/"), [])).toBe(false);
  });
});

test.each([
  "",
  "urp-1:",
  "urp-1:0",
  "urp-1:70000",
  "http://urp-1",
  "urp-1/db",
  "me@urp-1",
  "a b",
  "[::1",
  "::1]:80",
  ":80",
])("%j is not a host", (text) => {
  expect(parseAllowedHost(text)).toBeUndefined();
});
