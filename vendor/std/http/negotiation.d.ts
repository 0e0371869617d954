// What of @std/http/negotiation this project uses; the npm files carry no types.
export declare function accepts(
  request: Pick<Request, "headers">,
  ...types: string[]
): string | undefined;
export declare function acceptsEncodings(
  request: Pick<Request, "headers">,
  ...encodings: string[]
): string | undefined;
