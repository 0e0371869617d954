import { assert, assertEquals } from "@std/assert";
import { outliveStrayErrors } from "../lib/stray_errors.ts";
import { fakeLog } from "./fakes/log.ts";

function rejection(words: string): PromiseRejectionEvent {
  return new PromiseRejectionEvent("unhandledrejection", {
    promise: new Promise(() => {}),
    reason: new TypeError(words),
    cancelable: true,
  });
}

Deno.test("outliveStrayErrors() keeps the program running and tells each kind of error once", () => {
  const [target, log] = [new EventTarget(), fakeLog()];
  outliveStrayErrors(log, target);
  for (const words of ["broke off", "broke off", "reset"]) {
    const event = rejection(words);
    target.dispatchEvent(event);
    assert(event.defaultPrevented);
  }
  assertEquals(
    log.lines,
    Array(2).fill("warn an error that belongs to no check"),
  );
  assertEquals(log.fields, [{ error: "broke off" }, { error: "reset" }]);
});

Deno.test("outliveStrayErrors() does not fill the log", () => {
  const [target, log] = [new EventTarget(), fakeLog()];
  outliveStrayErrors(log, target);
  for (let i = 0; i < 100; i++) target.dispatchEvent(rejection(`error ${i}`));
  assertEquals(log.lines.length, 10);
});
