/**
 * Answers a neighbour's look at the path MTU: takes in some full segments and
 * sends as many back.
 *
 * @module
 */
import { FULL_SIZE_BYTES } from "../checks/path_mtu.ts";

const ZEROS = new Uint8Array(FULL_SIZE_BYTES - 1);

/**
 * Reads all of a request of at most {@linkcode FULL_SIZE_BYTES} and answers with
 * as much, or says by its status why not. The first byte is sent by itself: it
 * comes through where full-sized packets do not, and tells the other side that
 * its own ones have come.
 */
export async function fullSize(request: Request): Promise<Response> {
  const length = Number(request.headers.get("content-length"));
  if (length !== FULL_SIZE_BYTES) {
    await request.body?.cancel();
    return new Response("wrong size\n", { status: 413 });
  }
  for await (const _ of request.body ?? []) {
    // what comes does not matter, only that it comes
  }
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent++ === 0) return controller.enqueue(Uint8Array.of(0));
      await flushed();
      controller.enqueue(ZEROS);
      controller.close();
    },
  }, { highWaterMark: 0 });
  return new Response(body, {
    headers: { "content-type": "application/octet-stream" },
  });
}

/** The server writes what it has when it is next idle. */
function flushed(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
