import fc from "fast-check";
import { expect, it } from "vitest";
import { maskFor } from "./masking.ts";

it("no secret of at least four characters remains, wherever it is", () => {
  const word = fc.stringMatching(/^[A-Za-z0-9+/]{4,40}$/);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), fc.string(), fc.string(), (secrets, before, after) => {
      fc.pre(secrets.every((text) => !"[secret]".includes(text) && !text.includes("secret")));
      const mask = maskFor(secrets);
      for (const text of secrets) expect(mask(`${before} ${text} ${after}`)).not.toContain(` ${text} `);
    }),
  );
});

it("masks lines and longer words of a secret, and leaves its short words readable", () => {
  const mask = maskFor(["user = feeder\npassword = pa55word-of-feeder\n"]);
  expect(mask("line 2: password = pa55word-of-feeder")).toBe("line 2: [secret]");
  expect(mask("bad value pa55word-of-feeder for feeder")).toBe("bad value [secret] for feeder");
});

it("without secrets nothing changes, and an empty secret is ignored", () => {
  expect(maskFor(["", "  "])("as it is")).toBe("as it is");
});
