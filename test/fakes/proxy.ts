// A proxy on loopback for plain http: hands on what it is asked, for whoever logs in where it wants a login, and counts.
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LoopbackProxy {
  readonly address: string;
  /** What it handed on, in order. */
  readonly asked: readonly string[];
  refused(): number;
  close(): Promise<void>;
}

export async function startProxy(login?: { readonly user: string; readonly password: string }): Promise<LoopbackProxy> {
  const right =
    login === undefined ? null : `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
  const asked: string[] = [];
  let refused = 0;
  const server = createServer((incoming, response) => {
    if (right !== null && incoming.headers['proxy-authorization'] !== right) {
      refused += 1;
      return void response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end();
    }
    asked.push(incoming.url ?? '');
    const { 'proxy-authorization': _login, ...headers } = incoming.headers;
    const onward = ask(incoming.url ?? '', { method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy()).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    refused: () => refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
