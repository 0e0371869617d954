import { assertEquals } from "@std/assert";
import { shownUrl, withoutControls, withoutPassword } from "../lib/shown.ts";

const SHOWN: readonly [string, string][] = [
  ["http://h/x", "http://h/x"],
  ["http://h/x?", "http://h/x?"],
  ["http://h/x?token=s3cret", "http://h/x?..."],
  ["http://h/x?token=s3cret#part", "http://h/x?..."],
  ["https://h/cb#access_token=s3cret", "https://h/cb#..."],
  ["/x?a=b\nc", "/x?..."],
  ["https://u:s3cret@h/@scope/x", "https://...@h/@scope/x"],
  ["//u:s3cret@h/", "//...@h/"],
  ["https://h/@scope/x?mail=a@b", "https://h/@scope/x?..."],
];
for (const [text, want] of SHOWN) {
  Deno.test(`shownUrl() of ${JSON.stringify(text)}`, () => {
    assertEquals(shownUrl(text), want);
  });
}

const REFUSED: readonly [string, string][] = [
  ["https://h/x?y", "https://h/x?y"],
  ["https://u:p/w@h", "https://...@h"],
  ["https://u:p@w@h/", "https://...@h/"],
  ["https:u:pw@h", "https://...@h"],
  ["u/p@h", "//...@h"],
];
for (const [text, want] of REFUSED) {
  Deno.test(`withoutPassword() of ${text}`, () => {
    assertEquals(withoutPassword(text), want);
  });
}

Deno.test("withoutControls() leaves nothing that a terminal or a reader of lines obeys", () => {
  assertEquals(
    withoutControls("a\u007fb\u0085c\u009b31m\u2028\u2029\u00e9"),
    "a\\u007fb\\u0085c\\u009b31m\\u2028\\u2029\u00e9",
  );
});
