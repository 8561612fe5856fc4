// Two ends of a connection inside this process: what one end writes, the other reads. Used by the simulated machine to make
// a connection "on the target" and hand its far end to the real content server. Opens no socket.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

class End extends Duplex {
  /** What http servers ask a socket for. */
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 40_000;
  other: End | null = null;
  private taken: (() => void) | null = null;
  private ended = false;

  override _read(): void {
    const taken = this.taken;
    this.taken = null;
    taken?.();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.other === null || this.other.destroyed) done(new Error('the other end is gone'));
    else this.other.accept(bytes, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.other?.finish();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    this.other = null;
    // Data on its way still arrives; a cut in the middle shows as an end.
    other?.finish();
    this.taken?.();
    this.taken = null;
    done(error);
  }

  /** Calls back when the reader wants more: so a slow reader holds the writer back. */
  private accept(bytes: Buffer, done: () => void): void {
    if (this.push(bytes)) done();
    else this.taken = done;
  }

  private finish(): void {
    if (this.ended || this.destroyed) return;
    this.ended = true;
    this.push(null);
  }

  /** Nothing here has a time limit, a delay or a keepalive. */
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
}

/** Both ends of a new connection. */
export function duplexPair(): readonly [Duplex, Duplex] {
  const [first, second] = [new End({ allowHalfOpen: true }), new End({ allowHalfOpen: true })];
  first.other = second;
  second.other = first;
  return [first, second];
}

/** A request to a server that takes connections as streams, without any network; null when nothing answers. */
export function askOver(
  onStream: (stream: Duplex) => void,
  { method, path, port }: { readonly method: 'GET' | 'HEAD'; readonly path: string; readonly port: number },
): Promise<IncomingMessage | null> {
  const [near, far] = duplexPair();
  onStream(far);
  const headers = { connection: 'close' };
  return new Promise((resolve) => {
    const asked = httpRequest(
      { method, path, host: '127.0.0.1', port, headers, createConnection: () => near as never },
      resolve,
    );
    asked.on('error', () => resolve(null));
    asked.end();
  });
}
