// What of @std/http/status this project uses; the npm files carry no types.
export declare const STATUS_CODE: {
  readonly OK: 200;
  readonly BadRequest: 400;
  readonly NotFound: 404;
  readonly Forbidden: 403;
  readonly MethodNotAllowed: 405;
  readonly InternalServerError: 500;
  readonly ServiceUnavailable: 503;
};
export type StatusCode = typeof STATUS_CODE[keyof typeof STATUS_CODE];
export declare const STATUS_TEXT: Readonly<Record<StatusCode, string>>;
export declare function isStatus(status: number): status is StatusCode;
