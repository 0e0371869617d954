/**
 * Certificates for the demo and the tests: a CA and what it signs, made at the
 * start and never written to a file.
 *
 * @module
 */
import "reflect-metadata"; // @peculiar/x509 does not load without it
import * as x509 from "@peculiar/x509";

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority. */
export interface CertificateAuthority {
  /** Its certificate, PEM: what clients are to trust. */
  readonly cert: string;
  /**
   * Signs a new server certificate.
   *
   * @param names DNS names and IP addresses that the server has.
   * @param days How long it is valid from now, by default a day; below 0: it has expired.
   */
  issue(names: readonly string[], days?: number): Promise<KeyPair>;
}

const ALGORITHM = {
  name: "ECDSA",
  namedCurve: "P-256",
  hash: "SHA-256",
} as const;
const DAY_MS = 86_400_000;

/**
 * Makes a CA that is valid for a day. It is a real CA (`CA:true`), since Deno
 * refuses a server's own certificate in that place.
 *
 * @param name Its common name.
 */
export async function createCa(
  name = "kubenurse demo CA",
): Promise<CertificateAuthority> {
  const subject = `CN=${name}`;
  const keys = await generateKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...shared(),
    name: subject,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    cert: ca.toString("pem"),
    async issue(names, days = 1) {
      const own = await generateKeys();
      const cert = await x509.X509CertificateGenerator.create({
        ...shared(days),
        subject: `CN=${names[0]}`,
        issuer: subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature),
          new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"]), // serverAuth
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({
            type: isAddress(value) ? "ip" as const : "dns" as const,
            value,
          }))),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      return { cert: cert.toString("pem"), key: await pemOf(own.privateKey) };
    },
  };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** What both kinds of certificate have. */
function shared(days = 1) {
  return {
    // positive and without a leading zero, as DER wants it
    serialNumber: `4${crypto.randomUUID().replaceAll("-", "").slice(1)}`,
    notBefore: new Date(Date.now() - 30 * DAY_MS), // clocks differ
    notAfter: new Date(Date.now() + days * DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(":");
}

async function pemOf(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(der, "PRIVATE KEY");
}
