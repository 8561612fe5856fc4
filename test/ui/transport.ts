// The built window over HTTP on loopback: the same files, the same policy header, the same envelope as in Electron, with
// fetch and one event stream in place of IPC. For tests alone.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { answerCall } from '../../src-main/app/envelope.ts';
import { serveFile } from '../../src-main/app/served-file.ts';
import type { Handlers, StreamEvent } from '../../src-shared/api.ts';

const builtWindow = fileURLToPath(new URL('../../out/renderer', import.meta.url));

export interface Core {
  readonly handlers: Handlers;
  onEvent(listener: (event: StreamEvent) => void): () => void;
}

export interface Served {
  readonly address: string;
  /** Problems in what handlers returned: shapes that do not hold. */
  close(): Promise<void>;
}

/** Serves the window for one core. */
export async function serveWindow(core: Core): Promise<Served> {
  const streams = new Set<ServerResponse>();
  const stop = core.onEvent((event) => {
    for (const stream of streams) stream.write(`data: ${JSON.stringify(event)}\n\n`);
  });
  const server = createServer((request, response) => {
    void answer(core, streams, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      stop();
      for (const stream of streams) stream.end();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(core: Core, streams: Set<ServerResponse>, request: IncomingMessage, response: ServerResponse) {
  const { pathname } = new URL(request.url ?? '/', 'http://loopback');
  if (pathname === '/stream') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(':\n\n');
    streams.add(response);
    request.on('close', () => streams.delete(response));
    return;
  }
  if (request.method === 'POST' && pathname.startsWith('/call/')) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const input: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const envelope = await answerCall(core.handlers, pathname.slice('/call/'.length), input, { checkOutput: true });
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(envelope));
    return;
  }
  const served = await serveFile(builtWindow, pathname, randomBytes(16).toString('base64'));
  response.writeHead(served.status, { ...served.headers }).end(served.body);
}

/** Runs in the page before its own scripts: what the preload does in Electron. */
export function bridgeOverHttp(): void {
  if (!window.location.protocol.startsWith('http')) return;
  const listeners = new Set<(event: unknown) => void>();
  new EventSource('/stream').addEventListener('message', (message) => {
    for (const listener of listeners) listener(JSON.parse(message.data as string));
  });
  Object.defineProperty(window, 'fieldkit', {
    value: {
      invoke: async (name: string, input: unknown) => {
        const response = await fetch(`/call/${name}`, { method: 'POST', body: JSON.stringify(input) });
        return response.json();
      },
      onEvent: (listener: (event: unknown) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
}
