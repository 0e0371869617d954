/**
 * The UDP port of an agent.
 *
 * @module
 */
import dgram from "node:dgram";
import type { Echo } from "./echo.ts";

/** A port that is open. */
export interface UdpPort {
  readonly port: number;
  close(): void;
}

/**
 * Answers packets on a port until it is closed.
 *
 * @param address An IP address; on `::` IPv4 comes too.
 * @param port 0: any that is free.
 * @param peerOf The sender's address as the {@linkcode Echo} knows it.
 * @throws {Error} When it cannot listen.
 */
export async function listenUdp(
  { answer }: Pick<Echo, "answer">,
  { address, port }: { readonly address: string; readonly port: number },
  peerOf: (address: string) => string,
): Promise<UdpPort> {
  const type = address.includes(":") ? "udp6" : "udp4";
  const socket = dgram.createSocket({ type, ipv6Only: false });
  socket.on("message", (packet, from) => {
    const answered = answer(packet, peerOf(from.address));
    // what cannot be sent is lost, and the other side counts it
    if (answered) socket.send(answered, from.port, from.address, () => {});
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port }, resolve);
  });
  socket.on("error", () => {}); // of a single packet
  return { port: socket.address().port, close: () => void socket.close() };
}
