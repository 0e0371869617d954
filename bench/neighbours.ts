/** Neighbours for the benchmark, in a process of their own: servers that say ok. */
const ports = Array.from(
  { length: Number(Deno.args[0]) },
  () =>
    Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("ok\n"),
    ).addr.port,
);
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(ports) + "\n"));
