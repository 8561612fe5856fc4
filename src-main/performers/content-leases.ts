// The content lease: our server behind a forward from a machine's loopback, as long as its connection stands. Used by the hands.
// On site it serves the sealed medium alone, checked against its manifest. It listens nowhere on the laptop.
import { isBuilder, machineNamed } from '../../src-shared/site.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { type ContentServer, contentServer, type Served } from '../software/content-server.ts';
import type { Connection } from '../target/connection.ts';
import type { Forward } from '../target/target.ts';
import { boundMedium, sealedMedium } from './bound-medium.ts';

interface OpenContent {
  readonly server: ContentServer;
  readonly forward: Forward;
  readonly root: string;
  /** A machine asked for what could not be read. */
  missed: boolean;
}

export interface ContentLeases {
  /**
   * Opens it where it is not open, and anew where a machine was refused what should be there and the medium is gone or in another
   * place by now. Throws what the medium, the manifest and the connection throw.
   */
  readonly open: (machine: string, signal: AbortSignal) => Promise<void>;
  /** And nothing was refused since it was opened, or looked at again. */
  readonly isOpen: (machine: string) => boolean;
  readonly close: (machine: string) => Promise<void>;
  readonly closeAll: () => Promise<void>;
}

export interface ContentParts {
  readonly site: OpenSite;
  /** Does something over a connection that may act as root. */
  readonly withSudo: <T>(
    machine: string,
    signal: AbortSignal,
    act: (connection: Connection) => Promise<T>,
  ) => Promise<T>;
  /** Told of what is asked for and how it went. */
  readonly heard?: Heard;
}

/** Who hears what machines ask the content for. */
export interface Heard {
  readonly served: (served: Served) => void;
  readonly failed: (thrown: unknown) => void;
}

export function contentLeases({ site, withSudo, heard }: ContentParts): ContentLeases {
  const contents = new Map<string, OpenContent>();
  /** Openings under way: a page that is looked at and a run may ask for the same at once. */
  const opening = new Map<string, Promise<void>>();

  async function close(machine: string): Promise<void> {
    const content = contents.get(machine);
    contents.delete(machine);
    await content?.forward.close().catch(() => undefined);
    await content?.server.close();
  }

  async function open(machine: string, signal: AbortSignal): Promise<void> {
    const content = contents.get(machine);
    if (content?.missed) {
      content.missed = false;
      const { root } = await boundMedium(site).catch(() => ({ root: null }));
      if (root !== content.root) await close(machine);
    }
    if (contents.has(machine)) return;
    const pending = opening.get(machine) ?? openNow(machine, signal).finally(() => opening.delete(machine));
    opening.set(machine, pending);
    await pending;
  }

  async function openNow(machine: string, signal: AbortSignal): Promise<void> {
    const served = machineNamed(site.plan, machine);
    // A build machine is fed while the medium is being made: apt believes our repository's signature, not the manifest.
    const unsealed = served !== undefined && isBuilder(served);
    const { root, manifest } = unsealed ? { ...(await boundMedium(site)), manifest: null } : await sealedMedium(site);
    const state = { root, missed: false };
    const server = contentServer({
      root,
      manifest,
      ...(heard === undefined ? {} : { onServed: heard.served }),
      onError: (thrown) => {
        state.missed = true;
        heard?.failed(thrown);
      },
    });
    const { port } = site.plan.content;
    try {
      await withSudo(machine, signal, async (connection) => {
        const onStream = server.accept.bind(server);
        const forward = await connection.reverseForward({ port, onStream, signal });
        const opened = Object.assign(state, { server, forward });
        contents.set(machine, opened);
        // A later connection has a content of its own by then.
        void connection.closed.then(() => (contents.get(machine) === opened ? close(machine) : undefined));
      });
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  return {
    open,
    isOpen: (machine) => contents.get(machine)?.missed === false,
    close,
    closeAll: async () => {
      await Promise.all([...contents.keys()].map(close));
    },
  };
}
