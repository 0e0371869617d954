/**
 * What others wrote, as it may be shown: without secrets and control characters.
 *
 * @module
 */

/** A URL or path without its query and a user's password; `?...` stands for a query. */
export function shownUrl(text: string): string {
  return text
    .replace(/([?#])[^]+$/, "$1...")
    .replace(/^((?:[a-z][a-z0-9+.-]*:)?\/\/)[^/?#]*@/i, "$1...@");
}

/**
 * What was given for a URL and is none, perhaps, without a user's name and
 * password: all up to the last `@`, as a password may hold a `/`.
 */
export function withoutPassword(text: string): string {
  return text.replace(
    /^([a-z][a-z0-9+.-]*:)?[^]*@/i,
    (_, scheme: string = "") => `${scheme}//...@`,
  );
}

/** Control characters and line breaks that `JSON.stringify` leaves as they are, by their numbers. */
export function withoutControls(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
