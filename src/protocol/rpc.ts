import type { ChildProcess } from "node:child_process";
import {
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  ProgressType,
  ResponseError,
} from "vscode-jsonrpc/node";
import { type SerializedError, TracInError } from "../core/errors.ts";
import type { ComputeApi, Progress as ComputeProgress } from "./compute.ts";

type Method = (params: never) => unknown;
type Methods<Api> = { [Name in keyof Api]: Method };

/** A cancellation token as VS Code and vscode-jsonrpc have it. */
interface Token {
  readonly isCancellationRequested: boolean;
  onCancellationRequested(listener: () => void): { dispose(): void };
}

/** What a caller may add to a request. */
export interface CallOptions<Progress> {
  /** Either a signal or a token cancels the request. */
  readonly signal?: AbortSignal | undefined;
  readonly token?: Token | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** The calling side of an interface of requests, with cancellation and progress. */
export interface Client<Api extends Methods<Api>, Progress> {
  request<Name extends keyof Api & string>(
    method: Name,
    params: Parameters<Api[Name]>[0],
    options?: CallOptions<Progress>,
  ): Promise<ReturnType<Api[Name]>>;
  /** Rejects what is pending and stops listening. */
  dispose(): void;
}

/** What a handler gets besides its parameters. */
export interface CallContext<Progress> {
  /** Aborted when the caller cancels. */
  readonly signal: AbortSignal;
  report(progress: Progress): void;
}

/** The serving side of an interface of requests. */
export type Handlers<Api extends Methods<Api>, Progress> = {
  readonly [Name in keyof Api]: (
    params: Parameters<Api[Name]>[0],
    context: CallContext<Progress>,
  ) => ReturnType<Api[Name]> | Promise<ReturnType<Api[Name]>>;
};

/** A request on the wire: parameters, and a number under which progress is reported. */
interface Envelope {
  readonly params: unknown;
  readonly progress: number;
}

const progressType = new ProgressType<unknown>();
let nextProgress = 1;

/**
 * The calling side over a connection. Errors of the other side arrive as the `TracInError` that was thrown there;
 * a connection that ends rejects with kind `engine`, a cancelled request with kind `cancelled`.
 */
export function createClient<Api extends Methods<Api>, Progress>(
  connection: MessageConnection,
): Client<Api, Progress> {
  return {
    async request(method, params, { signal, token, onProgress } = {}) {
      const isCancelled = () => signal?.aborted === true || token?.isCancellationRequested === true;
      if (isCancelled()) {
        throw cancelled();
      }
      const source = new CancellationTokenSource();
      const cancel = () => source.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
      const subscription = token?.onCancellationRequested(cancel);
      const progress = nextProgress++;
      const listener = onProgress
        ? connection.onProgress(progressType, progress, (value) => onProgress(value as never))
        : undefined;
      try {
        const envelope: Envelope = { params, progress };
        return await connection.sendRequest(method, envelope, source.token);
      } catch (error) {
        throw isCancelled() ? cancelled() : restore(error);
      } finally {
        signal?.removeEventListener("abort", cancel);
        subscription?.dispose();
        listener?.dispose();
        source.dispose();
      }
    },
    dispose: () => connection.dispose(),
  };
}

/** The calling side of the compute process. */
export type ComputeClient = Client<ComputeApi, ComputeProgress>;

/** Talks to a compute process that was forked with `serialization: "advanced"`. */
export function createComputeClient(child: ChildProcess): ComputeClient {
  return createClient(connectTo(child));
}

/** Serves the parent of this process. */
export function serveCompute(
  connection: MessageConnection,
  handlers: Handlers<ComputeApi, ComputeProgress>,
): void {
  serve(connection, handlers);
}

/** A connection over the channel of a forked process, or, with `process`, to the parent of this one. */
export function connectTo(peer: ChildProcess | NodeJS.Process): MessageConnection {
  const connection = createMessageConnection(
    new IPCMessageReader(peer),
    new IPCMessageWriter(peer),
  );
  // A peer that died is told by its exit; writing to it must not become an unhandled error as well.
  connection.onError(() => undefined);
  connection.listen();
  return connection;
}

/** Serves an interface of requests; a cancelled request is answered at once, whatever its handler still does. */
export function serve<Api extends Methods<Api>, Progress>(
  connection: MessageConnection,
  handlers: Handlers<Api, Progress>,
): void {
  for (const [method, handler] of Object.entries<
    (params: never, context: CallContext<Progress>) => unknown
  >(handlers)) {
    connection.onRequest(method, async (envelope: Envelope, token) => {
      const controller = new AbortController();
      const aborted = new Promise<never>((_, reject) => {
        controller.signal.addEventListener("abort", () => reject(cancelled()), { once: true });
      });
      aborted.catch(() => undefined);
      if (token.isCancellationRequested) {
        controller.abort();
      }
      const listener = token.onCancellationRequested(() => controller.abort());
      const context: CallContext<Progress> = {
        signal: controller.signal,
        report: (progress) => {
          if (!controller.signal.aborted) {
            void connection.sendProgress(progressType, envelope.progress, progress);
          }
        },
      };
      try {
        const work = (async () => handler(envelope.params as never, context))();
        return await Promise.race([work, aborted]);
      } catch (error) {
        const failure = TracInError.from(error);
        return new ResponseError(ErrorCodes.InternalError, failure.message, failure.toJSON());
      } finally {
        listener.dispose();
      }
    });
  }
}

function restore(error: unknown): TracInError {
  if (error instanceof ResponseError && isSerialized(error.data)) {
    return TracInError.fromJSON(error.data);
  }
  if (error instanceof ResponseError && error.code !== ErrorCodes.PendingResponseRejected) {
    return TracInError.from(error);
  }
  return new TracInError(
    "engine",
    "The process that computes ended before it answered.",
    {},
    "Try again; lower the memory limit or the number of processes if it happens again.",
    { cause: error },
  );
}

function isSerialized(data: unknown): data is SerializedError {
  return (
    typeof data === "object" &&
    data !== null &&
    "kind" in data &&
    "message" in data &&
    "place" in data &&
    typeof data.kind === "string" &&
    typeof data.message === "string"
  );
}

function cancelled(): TracInError {
  return new TracInError("cancelled", "Cancelled.");
}
