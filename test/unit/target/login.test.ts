/** An agent that takes the question for its keys and never answers, as one behind a line that was cut. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { offeredTo } from '../../../src-main/target/login.ts';

const key = { path: '/key', text: ssh2.utils.generateKeyPairSync('ed25519').private };

describe('a silent agent', () => {
  let folder: string;
  let server: Server;
  let agentSocket: string;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    folder = await mkdtemp(join(tmpdir(), 'fieldkit-unit-'));
    agentSocket = join(folder, 'agent');
    server = createServer().listen(agentSocket);
    await once(server, 'listening');
  });
  afterEach(async () => {
    vi.useRealTimers();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  /** Once it was asked; with what comes when the one who asked hangs up. */
  const asked = async (): Promise<{ readonly hungUp: Promise<unknown> }> => {
    const [socket] = (await once(server, 'connection')) as [Socket];
    socket.on('error', () => undefined);
    await once(socket, 'data');
    return { hungUp: once(socket, 'close') };
  };

  it.each([
    ['a key file', { privateKey: key }, ['publickey']],
    ['a password', { password: 'right' }, ['password', 'keyboard-interactive']],
    ['nothing', {}, ['none']],
  ])('is left out after a while beside %s', async (_what, login, order) => {
    const offering = offeredTo({ ...login, agentSocket }, 'box');
    const { hungUp } = await asked();
    vi.advanceTimersByTime(5000);
    const offered = await offering;
    expect(offered.authHandler).toEqual(order);
    expect(offered.agent).toBeUndefined();
    await hungUp;
  });

  it('does not outlast the wish to connect', async () => {
    const controller = new AbortController();
    const offering = offeredTo({ privateKey: key, agentSocket }, 'box', controller.signal);
    const { hungUp } = await asked();
    controller.abort();
    await expect(offering).rejects.toMatchObject({ code: 'cancelled', data: { params: { what: 'box' } } });
    await hungUp;
    const before = offeredTo({ privateKey: key, agentSocket }, 'box', AbortSignal.abort());
    await expect(before).rejects.toMatchObject({ code: 'cancelled' });
  });
});
