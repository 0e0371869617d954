/**
 * The names in a certificate: its subjectAltName.
 *
 * Read here, since `X509Certificate` of `node:crypto` has neither its
 * `subjectAltName` nor its `raw` bytes in all versions of Deno that the agent is
 * compiled with.
 *
 * @module
 */

/** What a server may be called. */
export interface Names {
  /** DNS names, as they stand; some may begin with `*.`. */
  readonly dns: readonly string[];
  /** IP addresses in their short form. */
  readonly ips: readonly string[];
}

/** DER: the object identifier 2.5.29.17, RFC 5280 section 4.2.1.6. */
const SUBJECT_ALT_NAME = [0x06, 0x03, 0x55, 0x1d, 0x11];
const BOOLEAN = 0x01;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

/** Reads the names in the first of some PEM certificates; without a subjectAltName there are none. */
export function namesOf(pem: string): Names {
  const [, base64 = ""] =
    /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/.exec(pem) ??
      [];
  return namesIn(Uint8Array.from(atob(base64), (one) => one.charCodeAt(0)));
}

function namesIn(der: Uint8Array): Names {
  const at = der.findIndex((_, i) =>
    SUBJECT_ALT_NAME.every((byte, k) => der[i + k] === byte)
  );
  if (at < 0) return { dns: [], ips: [] };
  let next = element(der, at + SUBJECT_ALT_NAME.length);
  if (next.tag === BOOLEAN) next = element(der, next.end); // "critical"
  const list = element(der, next.start); // in an OCTET STRING
  const dns: string[] = [];
  const ips: string[] = [];
  for (let i = list.start; i < list.end;) {
    const { tag, start, end } = element(der, i);
    const value = der.subarray(start, end);
    if (tag === DNS_NAME) dns.push(String.fromCharCode(...value));
    if (tag === IP_ADDRESS) ips.push(addressOf(value));
    i = end;
  }
  return { dns, ips };
}

/** One element of DER: its tag, and where its content begins and ends. */
function element(der: Uint8Array, at: number) {
  const first = der[at + 1] ?? 0;
  const more = first < 0x80 ? 0 : first - 0x80; // bytes of a long length
  const start = at + 2 + more;
  const length = more === 0
    ? first
    : der.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  return { tag: der[at], start, end: start + length };
}

function addressOf(bytes: Uint8Array): string {
  if (bytes.length !== 16) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
