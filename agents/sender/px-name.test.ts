import { expect, test } from "vitest";
import { headerName, isInWork, nameFault, nameParts, priorityOf, stampOf, validationFault } from "./px-name.ts";

const bulletin = "SACN43_CWAO_012000_CYOJ_41613:ncp1:CWAO:SA:3.A.I.E::20050201200339";
const image = "radar.24_HR_ACCUM.GIF.XSS++201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144709";

test("priority and stamp are read from Sundew's fields", () => {
  expect([priorityOf(bulletin), stampOf(bulletin)]).toEqual([3, "20050201200339"]);
  expect([priorityOf(image), stampOf(image)]).toEqual([undefined, "20130606144709"]);
  expect([priorityOf("A:B:C:D:7:E:"), priorityOf("A:B:C:D:33"), priorityOf("x"), stampOf("20130606144709")]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("the header's name lacks a last field that starts with 20, as with pxSender", () => {
  expect(headerName(image)).toBe("radar.24_HR_ACCUM.GIF.XSS++201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF:");
  expect(headerName("name")).toBe("name");
  expect(headerName("2013")).toBe("2013");
  expect(headerName("a:b")).toBe("a:b");
  expect(headerName("a:2x")).toBe("a:2x");
});

test("validation accepts a bulletin's name and says what other names lack", () => {
  expect(validationFault(bulletin)).toBeUndefined();
  expect(validationFault(image)).toContain("fifth field");
  expect(validationFault("a:b")).toContain("2 colon fields");
  expect(validationFault("a:b:c:d:3:e:f")).toContain("end in a time");
});

test("parts of a bulletin's heading and of the stamp", () => {
  const parts = Object.fromEntries(Object.entries(nameParts).map(([part, read]) => [part, read(bulletin)]));
  expect(parts).toEqual({
    ...{ T1: "S", T2: "A", A1: "C", A2: "N", ii: "43", CCCC: "CWAO", YY: "01", GG: "20", Gg: "00", BBB: "CYO" },
    ...{ RYYYY: "2005", RMM: "02", RDD: "01", RHH: "20", RMN: "03", RSS: "39" },
  });
  expect(nameParts.CCCC?.("name")).toBeUndefined();
  expect(nameParts.RMM?.("name")).toBeUndefined();
});

test("names of unfinished files, and names that no message may have", () => {
  expect([".x", "x.tmp", "x", "x.tmp.y"].map(isInWork)).toEqual([true, true, false, false]);
  expect(["a\nb", "a\u007f", "a b:é"].map((name) => nameFault(name) === undefined)).toEqual([false, false, true]);
});
