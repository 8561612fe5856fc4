// The connections of one site: opened when first asked for, opened again after a loss. Owned by compose, used by performers.
// It must never try a login again by itself after a refusal: that is for a person to decide.
import { Problem, problem } from '../../src-shared/problem.ts';
import { type Connection, type ConnectionRequest, openConnection } from './connection.ts';

/** What is needed to reach a machine, asked for at each opening: pins and passwords may have come meanwhile. */
type RequestOf = (machineName: string) => Promise<Omit<ConnectionRequest, 'signal'>>;

export interface PoolOptions {
  readonly requestOf: RequestOf;
  /** Told of each new connection and of each loss that was not asked for. */
  readonly onOpen?: (machineName: string, connection: Connection) => void;
  readonly onLoss?: (machineName: string, detail: string) => void;
  /** Replaced in tests and by the practice site. */
  readonly open?: (request: ConnectionRequest) => Promise<Connection>;
}

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #open = new Map<string, Promise<Connection>>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** A standing connection: the present one, or a new one. Throws what `openConnection` throws. */
  async get(machineName: string, signal?: AbortSignal): Promise<Connection> {
    if (this.#closed) throw problem('cancelled', { what: machineName });
    const known = this.#open.get(machineName);
    if (known !== undefined) {
      const connection = await known.catch((thrown: unknown) => {
        // Whoever asked first gave up; that is not this caller's wish.
        if (thrown instanceof Problem && thrown.code === 'cancelled' && !signal?.aborted) return null;
        throw thrown;
      });
      if (connection !== null && connection.gone() === null) return connection;
      if (this.#open.get(machineName) === known) this.#open.delete(machineName);
      return this.get(machineName, signal);
    }
    const opening = this.#connect(machineName, signal);
    this.#open.set(machineName, opening);
    opening.catch(() => {
      if (this.#open.get(machineName) === opening) this.#open.delete(machineName);
    });
    return opening;
  }

  /** Gives up the present connection, so that the next `get` makes a fresh one (after a change of network or a reboot). */
  async drop(machineName: string): Promise<void> {
    const known = this.#open.get(machineName);
    this.#open.delete(machineName);
    const connection = await known?.catch(() => null);
    connection?.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open.keys()].map((machineName) => this.drop(machineName)));
  }

  async #connect(machineName: string, signal: AbortSignal | undefined): Promise<Connection> {
    const request = await this.#options.requestOf(machineName);
    const open = this.#options.open ?? openConnection;
    const connection = await open(signal === undefined ? request : { ...request, signal });
    if (this.#closed) {
      connection.close();
      throw problem('cancelled', { what: machineName });
    }
    this.#options.onOpen?.(machineName, connection);
    connection.closed.then((reason) => {
      if (reason.code === 'connection-lost')
        this.#options.onLoss?.(machineName, String(reason.data.params.detail ?? ''));
    });
    return connection;
  }
}
