// An ssh channel dressed as an ordinary stream that Node's http server can take as a connection. Called by forward.ts.
// ssh2's channel answers writes after its close with silence and has a `destroy` of its own; this keeps the rules of streams:
// every write is answered, reading holds the sender back, `destroy` closes the channel.
import { Duplex } from 'node:stream';
import type { Channel } from 'ssh2';

export class ChannelSocket extends Duplex {
  /** What http servers and logs ask a socket for. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #channel: Channel;
  #ended = false;

  constructor(channel: Channel, from: { readonly address: string; readonly port: number }) {
    super({ allowHalfOpen: true, emitClose: true });
    this.remoteAddress = from.address;
    this.remotePort = from.port;
    this.#channel = channel;
    channel.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) channel.pause();
    });
    channel.on('end', () => this.#endReading());
    channel.on('error', (error: Error) => this.destroy(error));
    channel.on('close', () => {
      this.#endReading();
      // An answer cut off in the middle must not look like one that was sent.
      if (this.writableFinished) this.destroy();
      else this.destroy(new Error('the connection on the target was closed'));
    });
  }

  #endReading(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.push(null);
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#channel.write(bytes, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.close();
    this.#channel.resume();
    done(error);
  }

  /** Calls back when nothing was read or written for a while is left to the ssh keepalive. */
  setTimeout(): this {
    return this;
  }

  /** The ssh connection below is without delay already. */
  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }
}
