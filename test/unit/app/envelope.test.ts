import { describe, expect, it } from 'vitest';
import { answerCall } from '../../../src-main/app/envelope.ts';
import type { Handlers } from '../../../src-shared/api.ts';
import { problem } from '../../../src-shared/problem.ts';

const settings = { theme: 'dark', language: 'fr', lastSite: null, technician: '' } as const;
const handlers = {
  'settings.get': async () => settings,
  'settings.set': async () => ({}),
  'sites.open': async () => {
    throw problem('site-unknown', { name: 'x' });
  },
  'sites.close': async () => {
    throw new Error('a fault');
  },
  'sites.list': async () => [{ name: 'x' }],
  'machines.read': async () => {
    throw new Error('was asked');
  },
} as unknown as Handlers;
const asked = { site: 'x', list: null, one: null, chosen: null, shared: {} };
const options = { checkOutput: true };
const answer = (name: string, input: unknown) => answerCall(handlers, name, input, options);

describe('answerCall', () => {
  it('wraps what the handler returns', async () => {
    expect(await answer('settings.get', {})).toEqual({ value: settings });
  });

  it('carries a problem with its code and parameters', async () => {
    expect(await answer('sites.open', { site: 'x' })).toMatchObject({
      problem: { code: 'site-unknown', params: { name: 'x' } },
    });
  });

  it('makes a fault of the program a problem as well, with its stack as evidence', async () => {
    expect(await answer('sites.close', { site: 'x' })).toMatchObject({
      problem: { code: 'internal', params: { detail: 'a fault' }, evidence: expect.stringContaining('envelope') },
    });
  });

  it.each([
    ['settings.set', { ...settings, theme: 'pink' }],
    ['settings.set', { ...settings, more: 1 }],
    ['settings.set', { ...settings, technician: 'x'.repeat(81) }],
    ['settings.get', null],
    ['settings.get', undefined],
    ['sites.open', { site: ['x'] }],
    ['shell.run', {}],
    ['__proto__', {}],
    ['toString', {}],
  ])('refuses %s %j before any handler', async (name, input) => {
    expect(await answer(name, input)).toMatchObject({ problem: { code: 'usage-wrong' } });
  });

  it.each<[string, object]>([
    ['a list', { list: { text: 'x'.repeat(256 * 1024 + 1), name: 'list', kind: null } }],
    ['a name', { one: { name: 'x'.repeat(1025), address: 'a' } }],
    ['too many names', { chosen: Array.from({ length: 1001 }, String) }],
  ])('refuses %s that is too large before any handler', async (_what, large) => {
    expect(await answer('machines.read', asked)).toEqual({ problem: expect.objectContaining({ code: 'internal' }) });
    expect(await answer('machines.read', { ...asked, ...large })).toMatchObject({ problem: { code: 'usage-wrong' } });
  });

  it('finds a handler that returns another shape than it promised', async () => {
    expect(await answer('sites.list', {})).toMatchObject({ problem: { code: 'internal' } });
  });
});
